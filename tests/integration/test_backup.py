"""Back-ups as docs/operations.md describes them, and what comes back of them."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from services.cli.redis import SERVER, program
from shared.messages import Answer, Query, decode_answer, encode_json
from shared.streams import DATA, Namespace
from tests.documented import run, shell
from tests.redis_server import RedisAddress, running_redis
from tests.running_stack import Stack

PAGE = "operations.md"
NAMES = Namespace("rag")
QUESTIONS = (
    "Why must samples of different size be made comparable?",
    "How does the number of species grow?",
)
ON_THE_WAY = [f"on-the-way-{number}" for number in range(4)]
# Runs on this machine what the real one would run in the pod, in the folder that is /data there.
KUBECTL = """#!/bin/sh
verb=$3
case $verb in
  exec) cd "$DATA"; while [ "$1" != -- ]; do shift; done; shift; exec "$@" ;;
  delete) kill "$REDIS_PID" ;;
esac
"""


@pytest.fixture
def programs(tmp_path: Path) -> str:
    """Where the documented programs are: ours and redis-cli, redis-check-rdb, a kubectl."""
    folder = tmp_path / "programs"
    folder.mkdir()
    # the server is the checker, too, when it is called by that name
    (folder / "redis-check-rdb").symlink_to(program(*SERVER, folder))
    (folder / "kubectl").write_text(KUBECTL)
    (folder / "kubectl").chmod(0o700)
    return f"{folder}:{Path(sys.executable).parent}"


def client_of(server: RedisAddress) -> redis.Redis:
    return redis.Redis(port=server.port, password=server.password)


def do(heading: str, folder: Path, programs: str, **variables: str) -> None:
    done = run(shell(PAGE, heading), folder, programs, variables)
    assert done.returncode == 0, f"{heading}\n{done.stdout}\n{done.stderr}"


@contextmanager
def restored(stack: Stack, folder: Path, programs: str) -> Iterator[Stack]:
    """A stack from a snapshot of another, which runs on."""
    (folder / ".ragstream").symlink_to(stack.folder)
    do("Back up one machine", folder, programs, **stack.variables)
    again = Stack(folder / "restored", {})
    try:
        do("Restore one machine", folder, programs)
        yield again
    finally:
        again.run("down")


async def ask_all(stack: Stack) -> list[Answer]:
    """Answers to all questions, one after the other."""
    async with stack.client() as client:
        return [await client.ask(Query(question=question)) for question in QUESTIONS]


async def test_a_restored_stack_answers_as_before(
    stack: Stack, tmp_path: Path, programs: str
) -> None:
    """After the loss of a machine, citations would name other passages, or questions be lost."""
    before = await ask_all(stack)
    with stack.redis() as here:
        for query_id in ON_THE_WAY:
            query = Query(id=query_id, question=QUESTIONS[0], max_tokens=4)
            here.xadd(NAMES.queries, {DATA: encode_json(query)})
    with restored(stack, tmp_path, programs) as again:
        after = await ask_all(again)
        async with again.client() as client:
            for query_id in ON_THE_WAY:  # asked again: each was known, and has its one answer
                await client.ask(Query(id=query_id, question=QUESTIONS[0]))
        with again.redis() as there:
            answers = [decode_answer(fields[DATA]) for _, fields in there.xrange(NAMES.answers)]
    assert [one.text for one in after] == [one.text for one in before]
    assert [one.citations for one in after] == [one.citations for one in before]
    assert all(one.citations for one in after)
    counts = Counter(one.query_id for one in answers)
    assert [counts[query_id] for query_id in ON_THE_WAY] == [1] * len(ON_THE_WAY)


def test_a_redis_in_a_pod_gets_its_data_back(tmp_path: Path, programs: str) -> None:
    """Redis would start with an append-only file that is empty, and pass over the snapshot."""
    data = tmp_path / "data"
    password = "of a pod"  # noqa: S105 - of a server of its own
    with running_redis(data, password=password) as server, client_of(server) as client:
        variables = {"DATA": str(data), "REDIS_PID": str(server.pid), "REDISCLI_AUTH": password}
        client.xadd("rag:queries", {"question": "?"})
        client.xgroup_create("rag:queries", "embedder", id="0")
        client.xreadgroup("embedder", "worker", {"rag:queries": ">"})
        do("Back up Kubernetes", tmp_path, programs, **variables)
        client.xadd("rag:queries", {"question": "after the snapshot"})
        do("Restore Kubernetes", tmp_path, programs, **variables)
    with running_redis(data, password=password) as server, client_of(server) as client:
        assert client.xlen("rag:queries") == 1
        assert client.xpending("rag:queries", "embedder")["pending"] == 1
    assert (data / "before-restore").is_dir()
