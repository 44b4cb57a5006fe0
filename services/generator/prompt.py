"""From a question and its passages to the text that the model reads. Pure.

Prompts are files under prompts/, one per profile, with the places {context} and {question}.
"""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from services.generator.settings import ChatTemplate
from shared.messages import Hit, Profile

_PROMPTS = Path(__file__).parent / "prompts"
_PLACE = re.compile(r"\{(context|question)\}")


def fit(hits: Sequence[Hit], budget_tokens: int) -> list[Hit]:
    """The best passages whose tokens together stay within the budget, in their order.

    A passage that does not fit is left out whole; smaller ones after it may still fit.
    """
    kept, left = [], budget_tokens
    for hit in hits:
        if hit.tokens <= left:
            kept.append(hit)
            left -= hit.tokens
    return kept


def render(profile: Profile, question: str, context: str) -> str:
    """Fill a profile's prompt. One pass, so that neither text can fill the other's place."""
    values = {"question": question, "context": context}
    return _PLACE.sub(lambda place: values[place[1]], _template(profile))


def context(profile: Profile, hits: Sequence[Hit]) -> str:
    """The passages as the prompt shows them: numbered from 1 for `cited`, bare for `stuff`."""
    if profile == "stuff":
        return "\n\n".join(hit.text for hit in hits)
    return "\n\n".join(f"[{number}] {_label(hit)}{hit.text}" for number, hit in enumerate(hits, 1))


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
