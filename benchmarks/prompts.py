"""Prompts of the real shape, made from a seed: an instruction, numbered passages, a question.

The text is nonsense in English words, so that it can be made anywhere and no two prompts share
more than the instruction. It goes through the product's own prompt code.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from services.generator import prompt
from shared.messages import Hit

PROMPT_TOKENS = (700, 1_200)
NEW_TOKENS = (64, 128)
_PASSAGE_SENTENCES = (6, 12)
_WORDS = {
    "noun": "river basin|soil sample|canopy|survey|species|herbarium|pollen record|model|sensor|"
    "drought|archive|vegetation map|growth rate|season|satellite image|wetland|data set|"
    "estimate|predator|census|nitrogen|valley|seedling|transect|interview|harvest|glacier|"
    "laboratory|coastline|migration|temperature|insect|threshold|forest plot|orchard|rainfall",
    "verb": "limits|describes|follows|exceeds|depends on|replaces|predicts|was compared with|"
    "reduces|explains|varies with|precedes|confirms|was sampled beside|resembles|overlaps",
    "adjective": "northern|shallow|annual|coarse|protected|observed|missing|dense|regional|late|"
    "calibrated|rare|dominant|uncertain|weekly|alpine|sandy|previous|adjacent|restored",
    "opening": "In most years|According to the field notes|Across all plots|By contrast|"
    "Where records exist|After correction|For the second campaign|Under dry conditions",
    "ending": "in every plot|at low elevation|during the first decade|by a wide margin|"
    "only near the border|for reasons given below|as earlier work had found|within one year",
}
_CHOICES = {kind: words.split("|") for kind, words in _WORDS.items()}


@dataclass(frozen=True, kw_only=True)
class Request:
    """One generation to ask for.

    Attributes:
        prompt: text as the model reads it, chat template applied.
        prompt_tokens: its length by the model's tokenizer.
        new_tokens: how many tokens to generate, neither fewer nor more.
    """

    prompt: str
    prompt_tokens: int
    new_tokens: int


def requests(count_tokens: Callable[[str], int], seed: str) -> Iterator[Request]:
    """Requests without end; the same seed gives the same ones.

    Args:
        count_tokens: the model's tokenizer, special tokens included.
        seed: any text; requests of different seeds share no passage.
    """
    source = random.Random(seed)  # noqa: S311 - repeatable, no secret
    while True:
        text = _prompt(source, count_tokens, source.randint(*PROMPT_TOKENS))
        yield Request(
            prompt=text, prompt_tokens=count_tokens(text), new_tokens=source.randint(*NEW_TOKENS)
        )


def _prompt(source: random.Random, count_tokens: Callable[[str], int], most: int) -> str:
    """Add sentences to passages as long as the whole stays within `most` tokens."""
    question = f"Which {_name(source)} {source.choice(_CHOICES['verb'])} the {_name(source)}?"
    passages: list[list[str]] = []
    text = ""
    while True:
        if not passages or len(passages[-1]) >= source.randint(*_PASSAGE_SENTENCES):
            passages.append([])
        passages[-1].append(_sentence(source))
        longer = _render(question, passages)
        if count_tokens(longer) > most:
            return text
        text = longer


def _render(question: str, passages: list[list[str]]) -> str:
    hits = [
        Hit(chunk_id=f"d:{n}", document_id="d", page=n, text=" ".join(sentences), score=1.0)
        for n, sentences in enumerate(passages, 1)
    ]
    filled = prompt.render("cited", question, prompt.context("cited", hits))
    return prompt.wrap(filled, "chatml")


def _sentence(source: random.Random) -> str:
    opening, verb, ending = (
        source.choice(_CHOICES[kind]) for kind in ("opening", "verb", "ending")
    )
    number = source.randint(2, 980)
    return f"{opening}, the {_name(source)} {verb} {number} of the {_name(source)}s {ending}."


def _name(source: random.Random) -> str:
    return f"{source.choice(_CHOICES['adjective'])} {source.choice(_CHOICES['noun'])}"
