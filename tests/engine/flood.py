"""Far more requests at once than may run or wait: at Triton itself, and through the workers."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from tritonclient.grpc import InferInput, aio
from tritonclient.utils import InferenceServerException

from shared.triton import GENERATOR
from tests.built_models import built_repository
from tests.chaos.accounting import Account, account, find
from tests.chaos.ledger import NAMES, Ledger
from tests.chaos.publishing import insist, question
from tests.chaos.stack import ChaosStack, chaos_stack
from tests.engine.requests import Request, prompt
from tests.engine.server import IN_USE, Memory, idle, meters
from tests.triton_server import TritonPorts

# 1,456 and 728 tokens of the default generator: 16 such requests would take 216 MiB, and the
# prompts of all that are answered 1 GiB.
CACHE_MIB, PREFIX_CACHE_MIB = 64, 32
# What two runs of the graph need besides caches and weights, and the requests on their way.
ALLOWANCE_MIB = 2 * 64
ANSWERED, UNAVAILABLE = "answered", "UNAVAILABLE"
_PROMPT_TOKENS, _NEW_TOKENS = (200, 400), 8
_MIB = 2**20
# So few places that two workers with 16 questions each in hand meet a full queue all the time.
_FEW = {
    "RAGSTREAM_TRITON_GENERATOR_MAX_RUNNING": "2",
    "RAGSTREAM_TRITON_GENERATOR_MAX_WAITING": "2",
}
_WORKERS = {
    "RAGSTREAM_GENERATOR_CONCURRENCY": "16",
    "RAGSTREAM_GENERATOR_ANSWER_TOKENS": "2",
    "RAGSTREAM_GENERATOR_ANSWERABLE_THRESHOLD": "0",  # each of them is to reach the language model
    # the default: with the suite's short one, workers on a busy machine take over from each other,
    # which counts as an attempt
    "RAGSTREAM_VISIBILITY_TIMEOUT_MS": "15000",
}
_COUNTS = {"embedder": 1, "retriever": 1, "generator": 2}
_SECONDS_A_QUESTION = 5.0
_POLL_S = 0.2


@dataclass(frozen=True, kw_only=True)
class Poured:
    """What became of requests sent to Triton at once.

    Attributes:
        answered: got all their tokens.
        unavailable: were refused with gRPC's UNAVAILABLE.
        otherwise: anything else, by what it was.
        left: the gauges that must be 0, by name.
        before_mib: memory of the model's process after one request alone.
        most_mib: the most that it came to.
    """

    answered: int
    unavailable: int
    otherwise: Mapping[str, int]
    left: Mapping[str, float]
    before_mib: int
    most_mib: int

    @property
    def good(self) -> bool:
        """Whether each one was answered or refused, within the memory that is set."""
        allowed = CACHE_MIB + PREFIX_CACHE_MIB + ALLOWANCE_MIB
        within = self.most_mib - self.before_mib <= allowed
        both = self.answered > 0 and self.unavailable > 0
        return both and within and not self.otherwise and not any(self.left.values())


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What became of questions to workers whose Triton is full.

    Attributes:
        account: of all of them.
        dead: dead letters.
        most_attempts: of any one question.
        refused: how often Triton turned one of them away.
    """

    account: Account
    dead: int
    most_attempts: int
    refused: int

    @property
    def good(self) -> bool:
        """Whether each was answered once, at its first attempt, though some were refused."""
        return self.account.good and self.refused > 0 and self.most_attempts == 1


async def pour(ports: TritonPorts, count: int, rng: random.Random) -> Poured:
    """Send requests at once, each on a stream of its own, and watch the memory."""
    asked = [
        Request(prompt=prompt(rng, rng.randint(*_PROMPT_TOKENS)), new_tokens=_NEW_TOKENS)
        for _ in range(count)
    ]
    client = aio.InferenceServerClient(ports.grpc_address)
    try:
        await _ask(client, asked[0])
        memory = Memory()
        async with memory.watched():
            fates = Counter(await asyncio.gather(*(_ask(client, request) for request in asked)))
            found = await idle(ports.metrics)
    finally:
        await client.close()
    return Poured(
        answered=fates.pop(ANSWERED, 0),
        unavailable=fates.pop(UNAVAILABLE, 0),
        otherwise=fates,
        left={name: found[name] for name in IN_USE},
        before_mib=memory.began_bytes // _MIB,
        most_mib=memory.most_bytes // _MIB,
    )


async def _ask(client: Any, request: Request) -> str:
    """What became of a request: answered, the name of gRPC's status, or what else it was."""
    tokens = 0
    # without this header Triton tells a stream's errors in words alone, with no status
    responses = client.stream_infer(_stream(request), headers={"triton_grpc_error": "true"})
    try:
        async for result, error in responses:
            if error is not None:
                return str(error)
            counted = result.as_numpy("num_output_tokens")
            tokens += int(counted[0])
    except grpc.aio.AioRpcError as exc:
        return str(exc.code().name)
    except InferenceServerException as exc:
        return str(exc.status()).removeprefix("StatusCode.")
    return ANSWERED if tokens == request.new_tokens else f"{tokens} tokens"


async def _stream(request: Request) -> AsyncIterator[dict[str, object]]:
    sampling = json.dumps({"max_tokens": request.new_tokens, "ignore_eos": True})
    flags = ("stream", "exclude_input_in_output", "return_num_output_tokens")
    inputs = [
        _tensor("text_input", "BYTES", request.prompt.encode()),
        _tensor("sampling_parameters", "BYTES", sampling.encode()),
        *(_tensor(name, "BOOL", value=True) for name in flags),
    ]
    yield {"model_name": GENERATOR, "inputs": inputs}


def _tensor(name: str, kind: str, value: object) -> InferInput:
    tensor = InferInput(name, [1], kind)
    tensor.set_data_from_numpy(np.array([value], np.object_ if kind == "BYTES" else bool))
    return tensor


async def ask_workers(folder: Path, count: int) -> Asked:
    """Ask questions of real workers, the real models and a Triton that is nearly always full."""
    ledger = Ledger()
    async with chaos_stack(
        folder,
        counts=_COUNTS,
        settings=_WORKERS,
        wired=False,
        models=built_repository(),
        triton_settings=_FEW,
    ) as stack:
        batch = [question(f"flood-{number}", number) for number in range(count)]
        ledger.asked |= {one.key for one in batch}
        await insist(stack.direct, batch, ledger)
        await _answered(stack, count)
        await stack.settle(_SECONDS_A_QUESTION)
        found = await find(stack)
        refused = await asyncio.to_thread(meters, stack.metrics_port)
    return Asked(
        account=account(ledger, found),
        dead=len(found.dead),
        most_attempts=max((answer.attempt for answer in found.answers), default=0),
        refused=round(refused["refused_requests_total"]),
    )


async def _answered(stack: ChaosStack, count: int) -> None:
    """Wait until there are so many answers, or for so long that some are lost."""
    with suppress(TimeoutError):
        async with asyncio.timeout(60 + count * _SECONDS_A_QUESTION):
            while await stack.direct.xlen(NAMES.answers) < count:  # noqa: ASYNC110 - Redis sends no event for this
                await asyncio.sleep(_POLL_S)
