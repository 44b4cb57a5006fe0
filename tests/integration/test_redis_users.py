"""Redis's users as k8s/bases/redis/ writes them: each can do its work, and nothing else."""

import asyncio
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis.exceptions as errors
from click.testing import CliRunner

from services.cli.main import cli
from services.cli.part import WORKERS
from services.cli.session import Session
from services.console import handler
from services.console.live import Live, Watch
from shared import generations
from shared.backlog import Backlog
from shared.bulk import Bulk
from shared.client import RagstreamClient
from shared.consumers import forget_gone
from shared.dead import drop, list_dead, redrive
from shared.documents import each_document
from shared.errors import Overloaded
from shared.generations import UNKNOWN
from shared.messages import Query, encode_json
from shared.metrics import LAG, Metrics
from shared.pipeline import look
from shared.redis import connect
from shared.streams import DATA, Entry, Namespace, bury
from shared.triton import EMBEDDER, EMBEDDER_NEXT
from shared.whereabouts import find
from tests.redis_server import RedisAddress, running_redis
from tests.triton_server import TritonPorts, running_triton
from tests.worker_process import WORKER, running_worker

USERS = (*WORKERS, "client", "operator", "scaler", "replica", "sentinel")
FOLDER = Path(__file__).parents[2] / "k8s" / "bases" / "redis"
TINY_MODELS = Path(__file__).parents[1] / "chaos" / "models"


def render(passwords: Path, **variables: str) -> str:
    """What the init container writes."""
    argv = ["/bin/sh", *map(str, (FOLDER / "render-users.sh", FOLDER / "users.acl", passwords))]
    return subprocess.run(  # noqa: S603 - our own script
        argv, check=True, capture_output=True, text=True, env={**os.environ, **variables}
    ).stdout


@pytest.fixture(scope="module")
def passwords(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Secret, mounted: a file for each user."""
    folder = tmp_path_factory.mktemp("secret")
    for user in ("default", *USERS):
        (folder / user).write_text(f"p& '{user}\\\n", "utf-8")
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, passwords: Path) -> Iterator[RedisAddress]:
    folder = tmp_path_factory.mktemp("redis")
    acl = folder / "users.acl"
    acl.write_text(render(passwords), "utf-8")
    password = (passwords / "default").read_text("utf-8").strip()
    with running_redis(folder, password=password, acl=acl) as address:
        yield address


@pytest.fixture(scope="module")
def tiny_triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonPorts]:
    """Triton with an embedder, the one that is to follow, a grader and a generator."""
    repository = tmp_path_factory.mktemp("models") / "all"
    shutil.copytree(TINY_MODELS, repository)
    shutil.copytree(TINY_MODELS / EMBEDDER, repository / EMBEDDER_NEXT)
    models = (EMBEDDER, EMBEDDER_NEXT, "grader", "generator")
    with running_triton(repository, tmp_path_factory.mktemp("triton"), models=models) as ports:
        yield ports


def login(server: RedisAddress, passwords: Path, user: str) -> tuple[str, str]:
    """URL and password of a user."""
    password = (passwords / user).read_text("utf-8").strip()
    return f"redis://{user}@127.0.0.1:{server.port}/0", password


async def test_a_question_is_answered_by_workers_with_few_rights(
    server: RedisAddress, passwords: Path, tiny_triton: TritonPorts, tmp_path: Path
) -> None:
    """A worker would lack a right in production that no test had ever taken from it."""
    with ExitStack() as running:
        for name in WORKERS:
            url, password = login(server, passwords, name)
            variables = {
                "RAGSTREAM_REDIS_URL": url,
                "RAGSTREAM_REDIS_PASSWORD": password,
                "RAGSTREAM_TRITON_URL": tiny_triton.grpc_address,
                "RAGSTREAM_VISIBILITY_TIMEOUT_MS": "600",  # claims and beats are used as well
            }
            log = tmp_path / f"{name}.log"
            running.enter_context(running_worker(*WORKER, name, variables=variables, log=log))
        url, password = login(server, passwords, "client")
        async with RagstreamClient(url, password=password) as client:
            await _use(client)
        await _ask_a_set(url, password)
        await _rebuild(server, passwords, tiny_triton)
        async with RagstreamClient(url, password=password) as client:
            after = await client.ask(Query(question="What do tides follow?"), timeout_s=60)
        assert after.models["embedder"] == f"hash of {EMBEDDER_NEXT}"
    await _no_right_was_missed(server)


async def _use(client: RagstreamClient) -> None:
    """All that a client can do, once."""
    await client.ingest(b"Tides follow the moon. Bees dance.", document_id="tides", name="t.txt")
    await client.ingest(b"", document_id="empty", name="e.txt")
    states = {d.id: d.state async for d in client.wait_ingested(["tides", "empty"], timeout_s=60)}
    assert states == {"tides": "ingested", "empty": "failed"}
    scoped = Query(question="What do tides follow?", document_ids=("tides",), stream=True)
    answer = await client.ask(scoped, timeout_s=60)
    assert answer.status in {"answered", "abstained"}, answer
    bulk = Query(question="What do bees do?", priority="bulk")
    assert (await client.ask(bulk, timeout_s=60)).error is None
    unknown = await client.ask(Query(question="Where?", collection="none"), timeout_s=60)
    assert unknown.error is not None
    assert unknown.error.code == "unknown_collection"
    expired = await client.ask(Query(question="When?", deadline_ms=1), timeout_s=60)
    assert expired.status == "expired"
    unwanted = Query(question="Why?", max_tokens=50)
    await client.cancel(await client.publish(unwanted))
    await client.ask(unwanted, timeout_s=60)  # else its end comes among the answers of a set
    async for _ in client.answers("readers"):
        break


async def _rebuild(server: RedisAddress, passwords: Path, triton: TritonPorts) -> None:
    """All that an operator does to the index, once."""
    url, password = login(server, passwords, "operator")
    environ = {
        "RAGSTREAM_REDIS_URL": url,
        "RAGSTREAM_REDIS_PASSWORD": password,
        "RAGSTREAM_TRITON_URL": triton.grpc_address,
    }

    async def ragstream(*words: str) -> Any:
        run = partial(CliRunner().invoke, cli, words, obj=Session(environ=environ))
        done = await asyncio.to_thread(run)  # the command has a loop of its own
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    shown = await ragstream("index", "show", "--json")
    [one] = shown["generations"]
    assert (one["state"], one["model"], one["chunks"]) == ("searched", f"hash of {EMBEDDER}", 1)
    given_up = await ragstream("index", "rebuild", "--abandon", "--json")
    assert given_up["outcome"] == "nothing to do"
    done = await ragstream("index", "rebuild", "--json")
    assert done == {"outcome": "rebuilt", "model": f"hash of {EMBEDDER_NEXT}"}
    shown = await ragstream("index", "show", "--json")
    [one] = shown["generations"]
    assert (one["number"], one["model"], one["chunks"]) == (1, f"hash of {EMBEDDER_NEXT}", 1)


async def _ask_a_set(url: str, password: str) -> None:
    """All that `ragstream batch` does, once."""
    async with connect(url, password) as redis:
        names = Namespace("rag")
        found = [one.id async for one in each_document(redis, names, "default")]
        assert found == ["tides"]
        bulk = Bulk(redis, names, "run-1")
        here = await bulk.newest()
        query = Query(id="run-1.a.0", question="What?", document_ids=("tides",), priority="bulk")
        for _ in range(2):
            await bulk.ask(query)
        assert not await bulk.may_have_missed(here, 60)
        [(_, answer)] = await bulk.answers(here.after, wait_ms=20_000)
        assert (answer.query_id, answer.error) == (query.id, None)


async def _no_right_was_missed(server: RedisAddress) -> None:
    """Redis counts what it refused: a worker may have outlived it without a word."""
    async with connect(server.url, server.password) as admin:
        refused: Any = await admin.acl_log()
        await admin.acl_log_reset()
    rows = {tuple(row[name] for name in ("username", "object", "context")) for row in refused}
    # `check` asks for appendfsync where it may; workers may not
    assert {row for row in rows if row[1] != "config|get"} == set()


SWEPT = [
    ("ingestor", "rag:documents"),
    ("embedder", "rag:queries:bulk"),
    ("retriever", "rag:index"),
    ("generator", "rag:generate"),
    ("client", "rag:answers"),
]


@pytest.mark.parametrize(("user", "stream"), SWEPT)
async def test_who_reads_a_group_forgets_who_is_gone(
    server: RedisAddress, passwords: Path, user: str, stream: str
) -> None:
    """The names of all pods that ever were would stay in the groups."""
    async with connect(server.url, server.password) as admin:
        await admin.xgroup_create(stream, "swept", mkstream=True)
        await admin.xgroup_createconsumer(stream, "swept", "gone")
        async with connect(*login(server, passwords, user)) as client:
            assert await forget_gone(client, stream, "swept", 0) == 1
        await admin.xgroup_destroy(stream, "swept")


@pytest.mark.parametrize(("user", "stream"), [row for row in SWEPT if row[0] in WORKERS])
async def test_a_worker_sees_what_waits_for_it(
    server: RedisAddress, passwords: Path, user: str, stream: str
) -> None:
    """Its metrics would have no lag, and nobody be told that it falls behind."""
    metrics = Metrics(user)
    async with connect(server.url, server.password) as admin:
        await admin.xgroup_create(stream, "seen", mkstream=True)
        await admin.xadd(stream, {DATA: b"waits"})
        async with connect(*login(server, passwords, user)) as client:
            await Backlog(client, [(stream, "seen")], metrics).look()
        await admin.xtrim(stream, maxlen=0)
        await admin.xgroup_destroy(stream, "seen")
    name = f"ragstream_{user}_{LAG.name}"
    assert metrics.registry.get_sample_value(name, {"stream": stream}) == 1


FORBIDDEN = [
    ("ingestor", "GET rag:answers"),
    ("ingestor", "XADD rag:answers * a b"),
    ("ingestor", "XRANGE rag:embed - +"),
    ("embedder", "GET rag:upload:secret"),
    ("embedder", "FLUSHALL"),
    ("embedder", "CONFIG GET requirepass"),
    ("embedder", "KEYS *"),
    ("embedder", "XRANGE rag:retrieve - +"),
    ("embedder", "SET rag:answers x"),
    ("retriever", "SET rag:query:1 x"),
    ("retriever", "XADD rag:queries * a b"),
    ("retriever", "FT.DROPINDEX rag:chunks:1"),
    ("generator", "HSET rag:chunks:1:d:0 text lies"),
    ("generator", "FT.SEARCH rag:chunks *"),
    ("generator", "DEL rag:document:d"),
    ("generator", "EVAL return(redis.call('GET','rag:upload:secret')) 0"),
    ("client", "XRANGE rag:generate - +"),
    ("client", "XREAD STREAMS rag:retrieve 0"),
    ("client", "XDEL rag:answers 1-0"),
    ("client", "XADD rag:answers * a b"),
    ("client", "XADD rag:generate * a b"),
    ("client", "GET rag:upload:secret"),
    ("client", "EVAL return(redis.call('GET','rag:upload:secret')) 0"),
    ("client", "XINFO STREAM rag:generate FULL"),
    ("client", "FLUSHDB"),
    ("operator", "CONFIG SET appendonly no"),
    ("operator", "DEL rag:answers"),
    ("operator", "FLUSHALL"),
    ("operator", "KEYS *"),
    ("operator", "GET another:secret"),
    ("scaler", "XRANGE rag:queries - +"),
    ("scaler", "XINFO STREAM rag:generate FULL"),
    ("scaler", "XLEN rag:answers"),
    ("scaler", "XADD rag:documents * a b"),
    *((user, "ACL LIST") for user in USERS),
    *((user, "SHUTDOWN NOSAVE") for user in USERS),
    *((user, "XADD rag-of-others:queries * a b") for user in USERS),
]


@pytest.mark.parametrize(("user", "command"), FORBIDDEN)
async def test_what_a_user_must_not_do_is_refused(
    server: RedisAddress, passwords: Path, user: str, command: str
) -> None:
    """One stolen password would open everything."""
    async with connect(*login(server, passwords, user)) as client:
        with pytest.raises(errors.RedisError, match=r"(?i)no permission|NOPERM|can't run"):
            await client.execute_command(*command.split(" "))


async def test_an_operator_looks_and_repairs(server: RedisAddress, passwords: Path) -> None:
    """Who is called at night would need the administrator's password."""
    names, query = Namespace("rag"), Query(id="poison", question="Why?")
    entry = Entry(names.queries, "1-1", {DATA: encode_json(query)})
    letter = bury(names, entry, code="internal", reason="of the test", now_ms=1)
    async with connect(server.url, server.password) as admin:
        await admin.acl_log_reset()
        for _ in range(2):
            await admin.execute_command(letter.command, letter.key, *letter.arguments)
        async with connect(*login(server, passwords, "operator")) as operator:
            await look(operator, names)
            await find(operator, names, "poison")
            first, second = [dead async for dead in list_dead(operator, names, code="internal")]
            assert await redrive(operator, names, first) == "redriven"
            assert await drop(operator, names, second.id) == "dropped"
        assert await admin.xlen(names.queries) == 1
        await admin.delete(names.queries)
    await _no_right_was_missed(server)


async def test_the_console_needs_no_more_rights_than_an_operator(
    server: RedisAddress, passwords: Path
) -> None:
    """The page would stay empty, or refuse a question, where Redis has users."""
    names, question = Namespace("rag"), Query(id="of-the-console", question="Why?")
    url, password = login(server, passwords, "operator")
    async with connect(server.url, server.password) as admin:
        await admin.acl_log_reset()
        searched = (await generations.read(admin, names)).active or UNKNOWN
        chunk = names.chunk(searched.number, "d", 0)
        await admin.hset(chunk, "text", "Bread rises.")
        async with connect(url, password) as redis, RagstreamClient(url, password=password) as own:
            asked = handler.ask(own, question, 0.1)
            told = [one async for one in asked]
            assert told[-1].startswith(b'event: error\ndata: {"code":"no_answer"')
            watch = Watch(every_s=1, visible_s=15, clock=time.monotonic)
            seen = await Live(redis, names, watch).latest()
            assert (seen.problem, seen.queries[0].id) == (None, "of-the-console")
            assert (await handler.look_up(redis, names, question.id)).whereabouts.ahead == 0
            assert (await handler.passage(redis, names, "d:0")).text == "Bread rises."
            buried = await admin.xlen(names.dead)  # by the tests before
            assert (await handler.letters(redis, names, None)).length == buried
            assert await own.cancel(question.id)
        await admin.delete(names.queries, chunk, names.cancelled(question.id))
    await _no_right_was_missed(server)


async def test_keda_sees_what_waits(server: RedisAddress, passwords: Path) -> None:
    """Nothing would be scaled."""
    names = Namespace("rag")
    streams = [names.documents, names.embed, names.index]
    streams += [names.queries, names.retrieve, names.generate]
    async with connect(server.url, server.password) as admin:
        for stream in streams:
            await admin.xgroup_create(stream, "seen", mkstream=True)
    async with connect(*login(server, passwords, "scaler")) as scaler:
        assert (await scaler.info("server"))["redis_version"]
        for stream in streams:  # as KEDA asks
            groups: list[dict[str, Any]] = await scaler.xinfo_groups(stream)
            assert groups[-1]["lag"] == 0
            assert (await scaler.xpending(stream, "seen"))["pending"] == 0
            assert await scaler.xlen(stream) == 0
    async with connect(server.url, server.password) as admin:
        for stream in streams:
            await admin.xgroup_destroy(stream, "seen")


async def test_a_client_learns_of_overload(server: RedisAddress, passwords: Path) -> None:
    """Publishers without a right to read others' questions would meet an error of rights."""
    names = Namespace("rag")
    async with connect(server.url, server.password) as admin:
        await admin.xadd(names.generate, {DATA: b"waits"})
        url, password = login(server, passwords, "client")
        async with RagstreamClient(url, password=password, high_water=1) as client:
            with pytest.raises(Overloaded):
                await client.publish(Query(question="Why?"))
        await admin.xtrim(names.generate, maxlen=0)


def test_the_namespace_is_in_every_pattern(passwords: Path) -> None:
    """A second deployment would work with the first one's keys."""
    rendered = render(passwords, RAGSTREAM_NAMESPACE="{rag-1}")
    assert "~rag:" not in rendered
    assert "~{rag-1}:queries" in rendered
    assert "p& " not in rendered


def test_a_user_without_a_password_does_not_exist(tmp_path: Path) -> None:
    """A forgotten password would leave a door open."""
    (tmp_path / "client").write_text("secret", "utf-8")
    default, client = render(tmp_path).splitlines()
    assert default == "user default off"  # Redis would give it all rights and no password
    assert client.startswith("user client on resetpass #")


async def test_users_of_several_namespaces_on_a_cluster(
    server: RedisAddress, passwords: Path
) -> None:
    """A worker could not ask who owns its slot, or be given all namespaces of a deployment."""
    written = render(passwords, RAGSTREAM_NAMESPACE="{rag-*}").splitlines()
    [rules] = [line.split()[2:] for line in written if line.startswith("user client ")]
    async with connect(server.url, server.password) as admin:

        async def may(*words: str) -> bool:
            said = await admin.execute_command("ACL", "DRYRUN", *words)
            return bool(said == b"OK")

        for user in (*WORKERS, "client", "operator"):
            assert await may(user, "CLUSTER", "SLOTS"), user
            assert not await may(user, "CLUSTER", "RESET"), user
        await admin.execute_command("ACL", "SETUSER", "of-several", *rules)
        assert await may("of-several", "XADD", "{rag-7}:queries", "*", "a", "b")
        assert not await may("of-several", "XADD", "{rag-7}:dead", "*", "a", "b")
        assert not await may("of-several", "XADD", "{other-7}:queries", "*", "a", "b")
