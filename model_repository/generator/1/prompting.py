"""From a request's text to the tokens that the model reads: the chat turn, and how it begins."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What the model's chat template puts around a user's words; both empty without a template."""

    before: str = ""
    after: str = ""


class Prompting:
    """Encodes prompts for one model.

    Args:
        tokenizer: of the model.
        turn: around the text of a request that asks for it.
        begin_token_id: the token that every prompt begins with, once; None for none.
    """

    def __init__(self, tokenizer: Tokenizer, turn: Turn, begin_token_id: int | None) -> None:
        self._tokenizer = tokenizer
        self._turn = turn
        self._begin = begin_token_id
        added = tokenizer.get_added_tokens_decoder().values()
        marks = [re.escape(token.content) for token in added if token.special]
        self._marks = re.compile("|".join(sorted(marks, key=len, reverse=True)) or r"(?!)")

    @classmethod
    def read(cls, folder: Path, tokenizer: Tokenizer) -> "Prompting":
        """With what `model.json` says; those of older builds know neither turn nor begin."""
        known = json.loads((folder / "model.json").read_bytes())
        return cls(tokenizer, Turn(**known.get("chat") or {}), known.get("begin_token_id"))

    def encode(self, text: str, *, chat: bool) -> list[int]:
        """The tokens of a request's text.

        Args:
            text: as it came. Special tokens in it count as such, unless it is wrapped.
            chat: wrap it as a user's turn. Special tokens in it are broken up then, so that no
                document or question can end its turn and speak as somebody else.
        """
        if chat and text:
            text = f"{self._turn.before}{self._harmless(text)}{self._turn.after}"
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        if self._begin is None or not ids or ids[0] == self._begin:
            return ids
        return [self._begin, *ids]

    def _harmless(self, text: str) -> str:
        """The text with a space behind the first character of each special token."""
        return self._marks.sub(lambda mark: f"{mark[0][0]} {mark[0][1:]}", text)
