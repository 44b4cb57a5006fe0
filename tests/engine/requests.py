"""Requests to the generator: prompts of any length out of one real text, and their answers."""

import random
from dataclasses import dataclass

from tests.model_code import DATA

WORDS = (DATA / "origin_of_species.txt").read_text("utf-8").split()
TOKENS_A_WORD = 1.2  # of that text, by the default generator's tokenizer
Said = list[tuple[str, int]]  # an answer piece by piece: its text and its tokens


@dataclass(frozen=True, kw_only=True)
class Request:
    """One generation to ask for.

    Attributes:
        prompt: text as the model reads it.
        new_tokens: how many tokens to generate, past end tokens too.
    """

    prompt: str
    new_tokens: int


def prompt(rng: random.Random, tokens: int) -> str:
    """A prompt of about so many tokens, from a random place of the text on, round and round."""
    start, count = rng.randrange(len(WORDS)), max(1, round(tokens / TOKENS_A_WORD))
    return " ".join(WORDS[(start + place) % len(WORDS)] for place in range(count))
