"""One document asked many questions: its passages are read once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from services.generator import prompt
from shared.messages import Hit
from shared.triton import Triton
from tests.engine.requests import TOKENS_A_WORD, WORDS
from tests.engine.server import idle

PASSAGES, PASSAGE_TOKENS = 4, 175
QUESTIONS = tuple(
    f"{word} does the author say about {matter}?"
    for word in ("What", "Why or where", "How much", "Whom or what else")
    for matter in (
        "the voyage",
        "South America",
        "mysteries",
        "his health",
        "Mr. Wallace",
        "the abstract",
        "variation under domestication",
    )
)  # 28
_AT_ONCE = 8
_NEW_TOKENS = 8


@dataclass(frozen=True, kw_only=True)
class Read:
    """What the engine read to answer all questions.

    Attributes:
        asked: prompt tokens of all questions together.
        prefilled: of these, computed.
        found: of these, found in the prefix cache.
        texts: the answers.
    """

    asked: int
    prefilled: int
    found: int
    texts: Sequence[str]


def prompts() -> list[str]:
    """The worker's own prompts: 28 questions to the same passages."""
    words = round(PASSAGE_TOKENS / TOKENS_A_WORD)
    hits = [
        Hit(
            chunk_id=f"origin:{number}",
            document_id="origin",
            title="On the Origin of Species",
            text=" ".join(WORDS[number * words : (number + 1) * words]),
            score=1.0,
        )
        for number in range(PASSAGES)
    ]
    passages = prompt.context("cited", hits)
    return [prompt.render("cited", question, passages) for question in QUESTIONS]


async def read(triton: Triton, metrics_port: int, texts: Sequence[str]) -> Read:
    """Ask these prompts, some at a time, as a worker does."""
    places = asyncio.Semaphore(_AT_ONCE)

    async def ask(text: str) -> tuple[str, int]:
        async with places:
            pieces = [
                piece async for piece in triton.generate(text, max_tokens=_NEW_TOKENS, chat=True)
            ]
        return "".join(piece.text for piece in pieces), pieces[-1].prompt_tokens

    before = await idle(metrics_port)
    answers = await asyncio.gather(*(ask(text) for text in texts))
    after = await idle(metrics_port)
    return Read(
        asked=sum(tokens for _, tokens in answers),
        prefilled=round(after["prefill_tokens_total"] - before["prefill_tokens_total"]),
        found=round(after["prefix_hit_tokens_total"] - before["prefix_hit_tokens_total"]),
        texts=[text for text, _ in answers],
    )
