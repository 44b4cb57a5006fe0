"""How many prompt tokens fit between two decode steps without stalling them. Pure."""

FOLLOWS = 0.3  # weight of the newest measurement: a few steps suffice, one slow one does not rule
FIRST_TOKENS = 16  # of a chunk while nothing is known yet
# Deep in a long prompt 16 tokens take twice as long as 4. Fewer would hardly be faster: each run
# reads all weights, which takes as long as a decode step.
LEAST_TOKENS = 4


class Pace:
    """Learns how long steps take.

    Args:
        chunk_tokens: most prompt tokens of one run, and as many as nobody who decodes waits for.
        stall: how long each request without its first token may hold up the next decode step of
            the others, in decode steps.
    """

    def __init__(self, chunk_tokens: int, stall: float) -> None:
        self._chunk_tokens = chunk_tokens
        self._stall = stall
        self._decode_s = 0.0
        self._token_s = 0.0

    def decoded(self, seconds: float) -> None:
        """A decode step took so long."""
        self._decode_s = _follow(self._decode_s, seconds)

    def prefilled(self, tokens: int, seconds: float) -> None:
        """A chunk of a prompt took so long."""
        self._token_s = _follow(self._token_s, seconds / tokens)

    def chunk(self, *, others_decode: bool, waiting: int = 0) -> int:
        """Prompt tokens of the next chunk.

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
        fitting = int(self._stall * (1 + waiting) * self._decode_s / self._token_s)
        return max(LEAST_TOKENS, min(fitting, self._chunk_tokens))


def _follow(known: float, seconds: float) -> float:
    return seconds if known == 0.0 else known + FOLLOWS * (seconds - known)
