"""The connection to Triton, without Triton."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import grpc
import pytest
from tritonclient.grpc import service_pb2

from shared.errors import Overloaded, TritonUnavailable
from shared.triton import Triton

Answer = Callable[[AsyncIterator[Any], Any], AsyncIterator[Any]]


async def serving(
    answer: Answer, host: str = "127.0.0.1", port: int = 0
) -> tuple[grpc.aio.Server, int]:
    """A server that answers streams of inferences and knows nothing else, with its port."""
    handler = grpc.stream_stream_rpc_method_handler(
        answer,
        request_deserializer=service_pb2.ModelInferRequest.FromString,
        response_serializer=service_pb2.ModelStreamInferResponse.SerializeToString,
    )
    service = "inference.GRPCInferenceService"
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(service, {"ModelStreamInfer": handler})]
    )
    port = server.add_insecure_port(f"{host}:{port}")
    await server.start()
    return server, port


async def test_a_triton_that_is_away_is_looked_for_again_and_again() -> None:
    """After an outage of minutes a worker would not see that Triton is back, for minutes."""
    knocks = asyncio.Semaphore(0)

    async def refuse(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        knocks.release()
        writer.close()

    async def ask(triton: Triton) -> None:
        while True:
            with suppress(TritonUnavailable):
                await triton.require(["embedder"])
            await asyncio.sleep(0.02)

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    triton = Triton(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    asking = asyncio.create_task(ask(triton))
    async with asyncio.timeout(10):  # gRPC's own waits add up to three times as much
        for _ in range(8):
            await knocks.acquire()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await triton.close()
    server.close()


async def test_a_refused_stream_ends_by_itself() -> None:
    """A flood of refusals would be a flood of cancels, too."""
    ends: list[str] = []

    async def refuse(requests: AsyncIterator[Any], _context: Any) -> AsyncIterator[Any]:
        try:
            async for _ in requests:
                yield service_pb2.ModelStreamInferResponse(error_message="queue is full")
            await asyncio.sleep(0.1)  # a client that cancels does so at once
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise
        ends.append("by itself")

    server, port = await serving(refuse)
    triton = Triton(f"127.0.0.1:{port}")
    with pytest.raises(Overloaded, match="queue is full"):
        await anext(triton.generate("Why?", max_tokens=1))
    await triton.close()
    await server.stop(1)
    assert ends == ["by itself"]


@pytest.mark.parametrize("whole", [True, False])
async def test_whoever_reads_along_gets_each_piece_and_others_the_whole(*, whole: bool) -> None:
    """Each token would wake five processes for nobody, or nobody could read along."""
    asked: list[bool] = []

    async def refuse(requests: AsyncIterator[Any], _context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            names = [one.name for one in request.inputs]
            asked.append(request.raw_input_contents[names.index("stream")] == b"\x01")
            yield service_pb2.ModelStreamInferResponse(error_message="queue is full")

    server, port = await serving(refuse)
    triton = Triton(f"127.0.0.1:{port}")
    with pytest.raises(Overloaded):
        await anext(triton.generate("Why?", max_tokens=1, whole=whole))
    await triton.close()
    await server.stop(1)
    assert asked == [not whole]


async def test_servers_behind_one_name_take_turns() -> None:
    """A second Triton would have nothing to do while the first one's queue is full."""
    asked: set[str] = set()

    def full(host: str) -> Answer:
        async def answer(requests: AsyncIterator[Any], _context: Any) -> AsyncIterator[Any]:
            asked.add(host)
            async for _ in requests:
                yield service_pb2.ModelStreamInferResponse(error_message="queue is full")

        return answer

    one, port = await serving(full("127.0.0.1"))
    two, _ = await serving(full("127.0.0.2"), "127.0.0.2", port)
    triton = Triton(f"ipv4:127.0.0.1:{port},127.0.0.2:{port}")  # as a name that has two addresses
    async with asyncio.timeout(20):
        while len(asked) < 2:  # connections come up one after the other
            with pytest.raises(Overloaded):
                await anext(triton.generate("Why?", max_tokens=1))
    await triton.close()
    await one.stop(1)
    await two.stop(1)
