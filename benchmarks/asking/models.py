"""Our models inside this process: what Triton serves, without Triton.

The graphs, the engine and its settings are those of model_repository; only the way in and out of a
request is another one. Both kinds here answer as `shared.triton.Triton` does.
"""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.model_builder.build import VERSION
from shared.triton import EMBEDDER, GENERATOR, GRADER, Embedded, Grade, Piece
from tests import model_code  # makes the models' code importable

assert model_code.REPOSITORY  # noqa: S101 - imported for what its import does

from decoder import Decoder  # noqa: E402 - importable from here on
from embedding import Embedder  # noqa: E402
from engine_wiring import wired  # noqa: E402
from generation import Generation  # noqa: E402
from generation import Piece as ModelPiece  # noqa: E402
from generator_session import cores  # noqa: E402
from generator_settings import GeneratorSettings  # noqa: E402
from grading import Grader  # noqa: E402
from prompting import Prompting  # noqa: E402
from sampling_parameters import SamplingParameters  # noqa: E402
from sizing import size  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

Vectors = NDArray[np.float32]
# as config.pbtxt has them; a test holds them against it
SETTINGS = GeneratorSettings(
    threads=0,
    runs_at_once=2,
    max_running=16,
    max_waiting=64,
    cache_mib=2048,
    prefix_cache_mib=512,
    chunk_tokens=256,
    decode_stall=1.2,
)
EMBEDDER_BATCH_TOKENS = GRADER_BATCH_TOKENS = 4096


class _Seconds:
    """Meters that add up what the graph took, and leave the rest."""

    def __init__(self) -> None:
        self.total = 0.0

    def prefilled(self, tokens: int, seconds: float) -> None:
        del tokens
        self.total += seconds

    def decoded(self, tokens: int, seconds: float) -> None:
        del tokens
        self.total += seconds

    def found_prefix(self, tokens: int) -> None: ...
    def first_token(self, seconds: float) -> None: ...
    def refused(self, requests: int) -> None: ...
    def state(self, running: int, waiting: int, cached: int, prefixes: int) -> None: ...


class _Task:
    """One generation, its pieces handed over to the event loop."""

    def __init__(self, generation: Generation) -> None:
        self.generation = generation
        self.pieces: asyncio.Queue[ModelPiece] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()

    def is_cancelled(self) -> bool:
        return False

    def send(self, piece: ModelPiece) -> None:
        self._loop.call_soon_threadsafe(self.pieces.put_nowait, piece)

    def drop(self, reason: str) -> None:
        raise AssertionError(reason)

    def fail(self, exc: Exception) -> None:
        raise exc


class InProcess:
    """The built models of a repository.

    Args:
        repository: with `embedder`, `grader` and `generator`.
    """

    def __init__(self, repository: Path) -> None:
        threads = cores()
        self._embedder = Embedder(repository / EMBEDDER / VERSION, threads, EMBEDDER_BATCH_TOKENS)
        self._grader = Grader(repository / GRADER / VERSION, threads, GRADER_BATCH_TOKENS)
        folder = repository / GENERATOR / VERSION
        self._decoder = Decoder(folder, threads, SETTINGS.runs_at_once)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._prompting = Prompting.read(folder, self._tokenizer)
        self._sizes = size(SETTINGS, self._decoder.info, on_host=True)
        self._generating, self._other_s = _Seconds(), 0.0
        self._engine = wired(SETTINGS, self._decoder, self._sizes, self._generating)
        self._engine.start()

    @property
    def model_s(self) -> float:
        """Seconds until now in which a model computed; one caller at a time."""
        return self._generating.total + self._other_s

    async def embed(self, texts: Sequence[str], *, bulk: bool = False) -> Embedded:
        """See `Triton.embed`."""
        del bulk
        with self._counted():
            encodings = self._embedder.encode(texts)
            return Embedded(await asyncio.to_thread(self._embedder.vectors, encodings), EMBEDDER)

    async def grade(
        self, questions: Sequence[str], texts: Sequence[Sequence[str]], *, bulk: bool = False
    ) -> list[Grade]:
        """See `Triton.grade`."""
        del bulk
        lines = ["\n".join(" ".join(one.split()) for one in text) for text in texts]
        with self._counted():
            found = await asyncio.to_thread(self._grader.grades, questions, lines)
        return [Grade(one.answer, one.support) for one in found]

    async def generate(
        self,
        prompt: str,
        *,
        max_tokens: int,
        temperature: float = 0.0,
        chat: bool = False,
        bulk: bool = False,
        whole: bool = False,
    ) -> AsyncIterator[Piece]:
        """See `Triton.generate`; pieces come as they do, here they cost nothing."""
        del whole
        generation = Generation(
            self._tokenizer,
            self._prompting.encode(prompt, chat=chat),
            SamplingParameters(max_tokens=max_tokens, temperature=temperature),
            end_ids=self._decoder.info.end_token_ids,
            room=self._sizes.capacity_tokens,
        )
        task = _Task(generation)
        self._engine.submit(task, bulk=bulk)
        reason = ""
        while not reason:
            piece = await task.pieces.get()
            reason = piece.finish_reason or ""
            yield Piece(piece.text, reason, len(generation.prompt_ids), piece.tokens)

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self._other_s += time.perf_counter() - began


class Toys:
    """The toy models of tests/chaos/models, in this process.

    Args:
        step_s: between two words.
    """

    model_s = 0.0  # nothing is computed

    def __init__(self, step_s: float) -> None:
        self._step_s = step_s

    async def embed(self, texts: Sequence[str], *, bulk: bool = False) -> Embedded:
        """The same text always gets the same vector of length 1."""
        del bulk
        return Embedded(np.stack([_vector(text) for text in texts]), EMBEDDER)

    async def grade(
        self, questions: Sequence[str], texts: Sequence[Sequence[str]], *, bulk: bool = False
    ) -> list[Grade]:
        """Everything answers everything."""
        del questions, bulk
        return [Grade(1.0, np.ones(len(text), np.float32)) for text in texts]

    async def generate(
        self,
        prompt: str,
        *,
        max_tokens: int,
        temperature: float = 0.0,
        chat: bool = False,
        bulk: bool = False,
        whole: bool = False,
    ) -> AsyncIterator[Piece]:
        """`max_tokens` words, one a step."""
        del temperature, chat, bulk, whole
        length = len(prompt.split())
        for left in reversed(range(max_tokens)):
            yield Piece("word ", "" if left else "length", length, 1)
            if left:  # in a thread, as in Triton: an event loop wakes up later than that
                await asyncio.to_thread(time.sleep, self._step_s)


def _vector(text: str) -> Vectors:
    digest = hashlib.shake_128(text.encode()).digest(8)
    numbers = np.frombuffer(digest, np.uint8).astype(np.float32) - 127.5
    found: Vectors = numbers / np.linalg.norm(numbers)
    return found
