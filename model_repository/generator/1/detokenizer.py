"""Turns tokens into text as they come, and finds where the text must stop."""

from collections.abc import Sequence

from tokenizers import Tokenizer

BROKEN = "\N{REPLACEMENT CHARACTER}"  # what decoding makes of a character's first bytes alone


class Detokenizer:
    """Text of one growing sequence of tokens, in pieces that never split a character.

    Args:
        tokenizer: decodes tokens; special tokens give no text.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._context = 0  # tokens from here on are decoded again, since some join their neighbours
        self._given = 0  # tokens before this one have given their text

    def push(self, token: int) -> str:
        """The text that one more token completes; empty while a character lacks bytes."""
        self._ids.append(token)
        text = self._pending()
        if not text or text.endswith(BROKEN):
            return ""
        self._context, self._given = self._given, len(self._ids)
        return text

    def flush(self) -> str:
        """What is left at the end: a character that never got all its bytes."""
        text = self._pending()
        self._context = self._given = len(self._ids)
        return text

    def _pending(self) -> str:
        before = self._decode(self._ids[self._context : self._given])
        return self._decode(self._ids[self._context :])[len(before) :]

    def _decode(self, ids: Sequence[int]) -> str:
        return self._tokenizer.decode(list(ids), skip_special_tokens=True)


class StopFinder:
    """Finds stop texts in a stream of pieces, also where they cross from one to the next.

    Args:
        stops: texts that end the stream; none of them empty.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self.found = False

    def push(self, piece: str) -> str:
        """The text that is safe to give away; everything before a stop text once one is found."""
        text = self._held + piece
        places = [place for stop in self._stops if (place := text.find(stop)) >= 0]
        if places:
            self.found, self._held = True, ""
            return text[: min(places)]
        keep = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def flush(self) -> str:
        """What was held back in case it began a stop text."""
        text, self._held = self._held, ""
        return text


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of the text that could begin the stop text."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)
