"""A pack: one context and several questions about it, some of which it answers."""

from collections.abc import Sequence

import msgspec

from services.generator import prompt
from shared.messages import Hit

QUESTION = "\n\nQuestion:"  # in cited.txt, behind the passages


class Passage(msgspec.Struct, frozen=True):
    """A passage as the retriever would give it; fields as in `Hit`."""

    text: str
    title: str = ""
    page: int | None = None


class Asked(msgspec.Struct, frozen=True):
    """A question and what to say to it; `own` if the context was retrieved for it."""

    question: str
    answer: str
    own: bool = True


class Pack(msgspec.Struct, frozen=True):
    """A context and its questions; `name` says where from."""

    name: str
    passages: tuple[Passage, ...]
    asked: tuple[Asked, ...]


def hits(passages: Sequence[Passage]) -> list[Hit]:
    """Passages as the generator gets them."""
    return [
        Hit(
            chunk_id=f"p:{n}",
            document_id="p",
            title=one.title,
            page=one.page,
            text=one.text,
            score=1.0,
        )
        for n, one in enumerate(passages, 1)
    ]


def rendered(passages: Sequence[Passage], question: str) -> str:
    """The product's prompt, as the worker renders it."""
    return prompt.render("cited", question, prompt.context("cited", hits(passages)))


def shared_part(passages: Sequence[Passage]) -> str:
    """What the prompts of all questions about the same passages begin with."""
    whole = rendered(passages, "")
    return whole[: whole.rindex(QUESTION) + len(QUESTION)]
