"""From a question and its passages to the text that the model reads. Pure.

Prompts are files under prompts/, one per profile, with the places {context} and {question}.
"""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from msgspec.structs import replace

from services.generator.injections import speaks_to_the_model
from services.generator.settings import ChatTemplate
from shared.messages import Hit, Profile
from shared.sentences import split

_PROMPTS = Path(__file__).parent / "prompts"
_PLACE = re.compile(r"\{(context|question)\}")


def fit(hits: Sequence[Hit], budget_tokens: int) -> list[Hit]:
    """The best passages whose tokens together stay within the budget, in their order.

    A passage that does not fit is cut behind its last sentence that does, and left out if none
    does; smaller ones after it may still fit.
    """
    kept, left = [], budget_tokens
    for hit in hits:
        fitting = hit if hit.tokens <= left else _cut(hit, left)
        if fitting:
            kept.append(fitting)
            left -= fitting.tokens
    return kept


def _cut(hit: Hit, budget_tokens: int) -> Hit | None:
    """A passage's first sentences; a text's tokens are taken to be spread evenly over it."""
    most, stop, at = len(hit.text) * budget_tokens // hit.tokens, 0, 0
    for sentence in split(hit.text):
        at = hit.text.index(sentence, at) + len(sentence)
        if at <= most:
            stop = at
    tokens = -(-hit.tokens * stop // len(hit.text)) if stop else 0
    return replace(hit, text=hit.text[:stop], tokens=tokens) if stop else None


def render(profile: Profile, question: str, context: str) -> str:
    """Fill a profile's prompt. One pass, so that neither text can fill the other's place."""
    values = {"question": question, "context": context}
    return _PLACE.sub(lambda place: values[place[1]], _template(profile))


def context(profile: Profile, hits: Sequence[Hit]) -> str:
    """The passages as the prompt shows them: numbered from 1, but bare for `stuff`.

    Sentences that speak to the model are left out, but for `stuff`, which is what it was.
    """
    if profile == "stuff":
        return "\n\n".join(hit.text for hit in hits)
    shown = [f"[{number}] {_label(hit)}{_harmless(hit.text)}" for number, hit in enumerate(hits, 1)]
    return "\n\n".join(shown)


def _harmless(text: str) -> str:
    for sentence in split(text):
        if speaks_to_the_model(sentence):
            text = text.replace(sentence, "[…]")
    return text


def wrap(text: str, template: ChatTemplate) -> str:
    """Apply a chat template to one user turn; the model applies its own, `model`, itself.

    Marks that the template itself consists of are broken up inside the text, so that no
    document or question can end its turn and speak as somebody else.
    """
    if template != "chatml":
        return text
    harmless = text.replace("<|", "< |")
    return f"<|im_start|>user\n{harmless}<|im_end|>\n<|im_start|>assistant\n"


def _label(hit: Hit) -> str:
    where = [hit.title, f"page {hit.page}" if hit.page else "", hit.section]
    known = ", ".join(part for part in where if part)
    return f"({known}) " if known else ""


@cache
def _template(profile: Profile) -> str:
    return (_PROMPTS / f"{profile}.txt").read_text(encoding="utf-8")
