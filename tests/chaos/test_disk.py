"""The power cut: it takes what nobody was told is safe, and nothing else."""

from pathlib import Path

import pytest

from tests.chaos.disk import Disk, Loss, loss, promised
from tests.chaos.ledger import NAMES
from tests.chaos.publishing import put, question
from tests.chaos.servers import free_ports, redis_server
from tests.chaos.stack import PASSWORD, client_of


def logged(*words: str) -> bytes:
    """A command as Redis writes it to its file."""
    parts = "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
    return f"*{len(words)}\r\n{parts}".encode()


def published(query_id: str) -> bytes:
    payload = question(query_id, 1).payload.decode()
    return logged("XADD", NAMES.queries, "1-1", "__data__", payload)


COMMIT = logged("XACK", NAMES.generate, "generator", "1-1") + logged(
    "XADD", NAMES.answers, "MINID", "=", "1-0", "2-1", "__data__", "{}"
)


def test_what_a_cut_took_is_counted() -> None:
    """A cut that takes nothing would look like a fault that was survived."""
    tail = published("a") + COMMIT + published("b")
    assert loss(tail) == Loss(bytes=len(tail), questions=2, commits=1, answers=1)


def test_a_cut_spares_what_was_accepted() -> None:
    """The suite itself would lose what Redis had promised to keep."""
    tail = published("a") + COMMIT + published("b") + published("a") + COMMIT
    assert promised(tail, frozenset()) == 0
    assert promised(tail, {"a", "older"}) == len(published("a"))
    assert promised(tail, {"b"}) == len(published("a") + COMMIT + published("b"))


@pytest.mark.parametrize(("fsync", "kept"), [("everysec", 2), ("always", 3)])
async def test_redis_comes_back_with_what_its_disk_held(
    tmp_path: Path, fsync: str, kept: int
) -> None:
    """A kill would lose nothing under any setting, and every promise would look kept."""
    [port] = free_ports(1)
    server = redis_server(tmp_path, port, PASSWORD, fsync)
    disk = Disk(tmp_path, loses=fsync != "always")
    await server.start()
    try:
        async with client_of(port) as redis:
            assert await put(redis, [question("early", 1)]) == []
            await disk.note(redis, {"early"})
            assert await put(redis, [question("accepted", 2)]) == []
            await redis.xadd(NAMES.queries, {"__data__": question("hoped", 3).payload})
        await server.kill()
        await disk.cut({"early", "accepted"})
        await server.start()
        async with client_of(port) as redis:
            assert await redis.xlen(NAMES.queries) == kept
    finally:
        await server.kill()
    assert [one.questions for one in disk.losses] == [3 - kept]
