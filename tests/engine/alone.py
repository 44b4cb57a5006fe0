"""What the model says to a request when it does nothing else: the graph run here, without Triton.

The engine's own code runs it, with one row and no company, and keeps how narrowly each token won.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from decoder import Decoder
from generation import Generation
from generator_session import cores
from rows import Logits, SharedRows
from sampling_parameters import SamplingParameters
from tokenizers import Tokenizer

from tests.engine.requests import Request, Said

CHUNK_TOKENS = 256  # as config.pbtxt has it for a prompt that holds nobody up
ROOM = 4096


@dataclass(frozen=True, kw_only=True)
class Alone:
    """An answer.

    Attributes:
        said: piece by piece.
        gaps: token by token, by how much its score was above the second best.
    """

    said: Said
    gaps: list[float]

    def differs(self, other: Said) -> float | None:
        """The gap at the first piece that differs, the least if it holds tokens; None if none does.

        Where one answer goes on and the other has ended, the gap is infinite: no tie does that.
        """
        place = 0
        for ours, theirs in zip(self.said, other, strict=False):
            if ours != theirs:
                return min(self.gaps[place : place + max(ours[1], theirs[1])])
            place += ours[1]
        return None if len(self.said) == len(other) else float("inf")


class Model:
    """The generator's graph, one request at a time.

    Args:
        folder: a built model's version folder.
    """

    def __init__(self, folder: Path) -> None:
        self._decoder = Decoder(folder, cores())
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._rows = SharedRows(self._decoder, 1, ROOM)

    def answer(self, request: Request) -> Alone:
        """Prefill the prompt, then decode to the end."""
        ids = self._tokenizer.encode(request.prompt, add_special_tokens=False).ids
        parameters = SamplingParameters(max_tokens=request.new_tokens, ignore_eos=True)
        generation = Generation(self._tokenizer, ids, parameters, end_ids=(), room=ROOM)
        logits, held, finished = self._prefill(ids), len(ids), False
        alone = Alone(said=[], gaps=[])
        while not finished:
            piece = generation.take(logits)
            alone.gaps.append(_gap(logits))
            if piece:
                alone.said.append((piece.text, piece.tokens))
            if not (finished := bool(piece and piece.finish_reason)):
                logits = self._rows.decode({0: generation.last_token}, {0: held})[0]
                held += 1
        self._rows.release(0)
        return alone

    def _prefill(self, ids: list[int]) -> Logits:
        for at in range(0, len(ids), CHUNK_TOKENS):
            logits: Logits = self._rows.start(0, ids[at : at + CHUNK_TOKENS], at).finish()[0]
        return logits


def _gap(logits: Logits) -> float:
    second, best = np.partition(logits, -2)[-2:]
    return float(best - second)
