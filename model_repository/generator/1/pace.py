"""How many prompt tokens, and parts of the model, fit between two decode steps. Pure."""

FOLLOWS = 0.3  # weight of the newest measurement: a few steps suffice, one slow one does not rule
PER_WAITING = 1.5  # who waits for a first token bears more than who waits for the next one
FIRST_TOKENS = 16  # of a chunk while nothing is known yet
LEAST_TOKENS = 4  # fewer would hardly be faster: each run reads all weights


class Pace:
    """Learns how long steps take.

    Args:
        chunk_tokens: most prompt tokens of one run, and as many as nobody who decodes waits for.
        stall: how long a prompt may hold up the next decode step of the others, in decode steps;
            by PER_WAITING times as much again for each request that waits behind it.
        parts: of the model; others may decode between them.
    """

    def __init__(self, chunk_tokens: int, stall: float, parts: int = 1) -> None:
        self._chunk_tokens = chunk_tokens
        self._stall = stall
        self._parts = parts
        self._decode_s = 0.0
        self._token_s = 0.0  # in one part

    def decoded(self, seconds: float) -> None:
        """A decode step took so long."""
        self._decode_s = _follow(self._decode_s, seconds)

    def prefilled(self, tokens: int, seconds: float, parts: int) -> None:
        """A chunk of a prompt took so long for so many parts of the model."""
        self._token_s = _follow(self._token_s, seconds / (tokens * parts))

    def chunk(self, *, others_decode: bool, waiting: int = 0) -> int:
        """Prompt tokens of the next chunk, so that it passes a part of the model in time.

        Small chunks are slow ones: whoever waits behind this prompt waits longer for them. So the
        more do, the longer it may hold up those who have their first token.

        Args:
            others_decode: whether anybody is held up.
            waiting: requests that wait behind this prompt.
        """
        if not others_decode:
            return self._chunk_tokens
        if not (self._decode_s and self._token_s):
            return FIRST_TOKENS
        return max(LEAST_TOKENS, min(int(self._fitting(waiting)), self._chunk_tokens))

    def parts(self, tokens: int, *, others_decode: bool, waiting: int = 0) -> int:
        """Parts of the model that a chunk may pass before the others decode again, at least one.

        Args:
            tokens: of the chunk.
            others_decode: whether anybody is held up.
            waiting: requests that wait behind this prompt.
        """
        if not others_decode:
            return self._parts
        if not (self._decode_s and self._token_s):
            return 1
        return max(1, min(int(self._fitting(waiting) / tokens), self._parts))

    def _fitting(self, waiting: int) -> float:
        """Tokens that may pass one part of the model."""
        return self._stall * (1 + PER_WAITING * waiting) * self._decode_s / self._token_s


def _follow(known: float, seconds: float) -> float:
    return seconds if known == 0.0 else known + FOLLOWS * (seconds - known)
