"""Back-ups as docs/operations.md describes them, and what comes back of them."""

import os
import signal
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
    "Why must samples of different size be made comparable before species are counted?",
    "How does the number of species grow?",
)
ON_THE_WAY = [f"on-the-way-{number}" for number in range(4)]
BIN = Path(sys.executable).parent  # has `ragstream` and `redis-cli`
# Do on this machine what the real ones would do in the pod, in the folder that is /data there.
KUBECTL = """#!/bin/sh
case $3 in
  exec) cd "$DATA"; while [ "$1" != -- ]; do shift; done; shift; exec "$@" ;;
  delete) kill "$REDIS_PID" ;;
esac
"""
REDIS_CLI = f"""#!/bin/sh
exec {BIN}/redis-cli -p "$PORT" "$@"
"""


@pytest.fixture
def pod(tmp_path: Path) -> str:
    """Where a kubectl is, and the programs of a pod of Redis."""
    folder = tmp_path / "pod"
    folder.mkdir()
    for name, script in {"kubectl": KUBECTL, "redis-cli": REDIS_CLI}.items():
        (folder / name).write_text(script)
        (folder / name).chmod(0o700)
    # the server is the checker, too, when it is called by that name
    (folder / "redis-check-rdb").symlink_to(program(*SERVER, folder))
    return str(folder)


def client_of(server: RedisAddress) -> redis.Redis:
    return redis.Redis(port=server.port, password=server.password)


def do(heading: str, folder: Path, path: str, **variables: str) -> None:
    done = run(shell(PAGE, heading), folder, path, variables)
    assert done.returncode == 0, f"{heading}\n{done.stdout}\n{done.stderr}"


@contextmanager
def on_the_way(stack: Stack) -> Iterator[None]:
    """Questions that are taken in and have no answer: the generator stands still."""
    generator = stack.pid("generator")
    os.kill(generator, signal.SIGSTOP)
    try:
        with stack.redis() as client:
            for query_id in ON_THE_WAY:
                query = Query(id=query_id, question=QUESTIONS[0], max_tokens=4)
                client.xadd(NAMES.queries, {DATA: encode_json(query)})
        yield
    finally:
        os.kill(generator, signal.SIGCONT)


@contextmanager
def restored(folder: Path) -> Iterator[Stack]:
    """A stack from the back-up in a folder."""
    again = Stack(folder / "restored", {})
    try:
        do("Restore one machine", folder, str(BIN))
        yield again
    finally:
        again.run("down")


async def ask_all(stack: Stack) -> list[Answer]:
    """Answers to all questions, one after the other."""
    async with stack.client() as client:
        return [await client.ask(Query(question=question)) for question in QUESTIONS]


async def test_a_restored_stack_answers_as_before(stack: Stack, tmp_path: Path) -> None:
    """After the loss of a machine, citations would name other passages, or questions be lost."""
    (tmp_path / ".ragstream").symlink_to(stack.folder)
    before = await ask_all(stack)
    with on_the_way(stack):
        do("Back up one machine", tmp_path, str(BIN), **stack.variables)
    with restored(tmp_path) as again:
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


def test_a_redis_in_a_pod_gets_its_data_back(tmp_path: Path, pod: str) -> None:
    """Redis would start with an append-only file that is empty, and pass over the snapshot."""
    data = tmp_path / "data"
    password = "of a pod"  # noqa: S105 - of a server of its own
    with running_redis(data, password=password) as server, client_of(server) as client:
        variables = {
            "DATA": str(data),
            "PORT": str(server.port),
            "REDIS_PID": str(server.pid),
            "REDISCLI_AUTH": password,
        }
        client.xadd("rag:queries", {"question": "?"})
        client.xgroup_create("rag:queries", "embedder", id="0")
        client.xreadgroup("embedder", "worker", {"rag:queries": ">"})
        do("Back up Kubernetes", tmp_path, pod, **variables)
        client.xadd("rag:queries", {"question": "after the snapshot"})
        do("Restore Kubernetes", tmp_path, pod, **variables)
    with running_redis(data, password=password) as server, client_of(server) as client:
        assert client.xlen("rag:queries") == 1
        assert client.xpending("rag:queries", "embedder")["pending"] == 1
    assert (data / "before-restore").is_dir()
