"""Attacks through the front door: what upstream systems publish, handled as the workers do it.

Search-syntax injection is tried in test_index.py. Under tests/unit: paths of `ragstream ingest` in
cli/test_documents.py, terminals in cli/test_commands.py, log lines in shared/test_telemetry.py,
text that is slow to read in ingestor/test_linear.py.
"""

import json
import time
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

import pytest
import structlog

from services.embedder.questions import check_question, read_query
from services.ingestor.documents import read_document
from services.ingestor.handler import ingest
from services.ingestor.sandbox import Limits, Sandbox
from services.ingestor.settings import IngestorSettings
from shared.answers import Endings
from shared.delivery import Delivery, RetryPolicy, Stage
from shared.errors import RagstreamError
from shared.messages import (
    Document,
    Embed,
    Query,
    decode_dead_letter,
    decode_embed,
    encode_json,
)
from shared.redis import ensure_groups
from shared.streams import DATA, Effect, Entry, Namespace, Retention, publish
from tests import attacks

MB = 2**20
LIMITS = Limits(timeout_s=3, memory_bytes=384 * MB, cpu_s=3, reply_bytes=100 * MB)
HARMLESS = Document(id="harmless", name="oaks.txt", text="Oaks grow.")
BOMBS = ("spaces", "operators", "letters", "endless pages", "forms in forms")


class Counter:
    """Counts words where Triton counts tokens."""

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]


@pytest.fixture
def names(namespace: str) -> Namespace:
    return Namespace(namespace)


@pytest.fixture
def endings(names: Namespace) -> Endings:
    return Endings(names, Retention(query_s=60, answer_s=60, tokens_s=60), time.time)


@pytest.fixture
def queries(names: Namespace, endings: Endings) -> Stage[Query]:
    """What the embedder does with questions, up to Triton."""

    async def ask(_entry: Entry, query: Query) -> list[Effect]:
        check_question(query, max_chars=4_000)
        return [publish(names.key("asked"), query)]

    return Stage(names.queries, "embedder", read_query, ask, endings.fail_new)


@pytest.fixture
async def documents(
    redis: Any, names: Namespace, endings: Endings
) -> AsyncIterator[Stage[Document]]:
    """What the ingestor does with documents, but for Triton."""

    def fail(_entry: Entry, document: Document | None, error: RagstreamError) -> list[Effect]:
        return endings.document_failed(document.id, "", error) if document else []

    client: Any = Counter()
    async with Sandbox(LIMITS, 1) as sandbox:
        work = partial(ingest, redis=redis, triton=client, names=names, read=sandbox.read)
        handler = partial(work, settings=IngestorSettings())
        yield Stage(names.documents, "ingestor", read_document, handler, fail)


async def handle(redis: Any, names: Namespace, stage: Stage[Any], fields: Any) -> None:
    """Publish an entry and run it to its end, as a worker would; nothing may be left of it."""
    await ensure_groups(redis, [(stage.stream, stage.group)])
    await redis.xadd(stage.stream, fields)
    reply = await redis.xreadgroup(stage.group, "a", {stage.stream: ">"}, count=1)
    entry_id, raw = reply[0][1][0]
    retry = RetryPolicy(max_attempts=2, first_s=0.001, most_s=0.002)
    await Delivery(redis, names, "a", retry=retry).process(
        stage, Entry(stage.stream, entry_id.decode(), raw)
    )
    assert await redis.xlen(stage.stream) == 0
    assert (await redis.xpending(stage.stream, stage.group))["pending"] == 0


async def dead_codes(redis: Any, names: Namespace) -> list[str]:
    rows = await redis.xrange(names.dead)
    return [decode_dead_letter(fields[DATA]).code for _, fields in rows]


async def embedded(redis: Any, names: Namespace) -> list[Embed]:
    return [decode_embed(fields[DATA]) for _, fields in await redis.xrange(names.embed)]


ATTACKS = {what: (name, data) for what, name, data in attacks.documents()}


@pytest.mark.parametrize("what", ATTACKS)
async def test_an_attacking_document_ends_in_time_and_harms_no_other(
    redis: Any, names: Namespace, documents: Stage[Document], what: str
) -> None:
    """A few hundred bytes would fill the memory, hold the worker for ever, or read its files."""
    name, data = ATTACKS[what]
    begun = time.monotonic()
    attack = Document(id="attack", name=name, content=data)
    await handle(redis, names, documents, {DATA: encode_json(attack)})
    assert time.monotonic() - begun < 4 * LIMITS.timeout_s
    await handle(redis, names, documents, {DATA: encode_json(HARMLESS)})
    done = await embedded(redis, names)
    assert done[-1].document_id == "harmless"
    assert attacks.SECRET not in str(done)
    record = await redis.hgetall(names.document("attack"))
    if what in BOMBS:  # an operator can tell a bomb from a file that was damaged on its way
        assert record[b"error_code"] == b"read_limit"
    elif record.get(b"state") == b"failed":
        assert record[b"error_code"] in (b"damaged_document", b"no_text")
    else:
        assert done[0].document_id == "attack"


DEEP = "[" * 10_000 + "]" * 10_000
QUERY = '{{"type":"query","id":"q","question":"Oaks?","metadata":{{"a":{}}}}}'


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("[" * 10_000, "undecodable"),
        ('{"a":' * 10_000, "undecodable"),
        ('{"id":' * 10_000, "undecodable"),
        (QUERY.format(DEEP), "undecodable"),
        (QUERY.format("[" * 300 + "]" * 300), "invalid_message"),
        (QUERY.format("9" * 30), "invalid_message"),
        (QUERY.format("9" * 1_000_000), "invalid_message"),
        (QUERY.format("-" + "9" * 19), "invalid_message"),
        (QUERY.format("1e999999999"), "invalid_message"),
        ('{"type":"query","question":"\\ud800"}', "undecodable"),
        ('{"type":"query","question":"x","top_k":1e308}', "invalid_message"),
        ('{"type":"query","question":"x","collection":"../../etc"}', "invalid_message"),
        ('{"type":"query","question":"x","document_ids":["../x"]}', "invalid_message"),
    ],
)
async def test_a_hostile_message_is_buried(
    redis: Any, names: Namespace, queries: Stage[Query], data: str, code: str
) -> None:
    """It would be read again and again, by one worker after the other, for ever."""
    await handle(redis, names, queries, {DATA: data})
    [found] = await dead_codes(redis, names)
    assert found in {code, "invalid_message"}
    assert await redis.xlen(names.key("asked")) == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"question": "x", "metadata": '{"a":' * 10_000},
        {"question": "x", "metadata": "[" * 10_000},
        {"question": "x", "top_k": "9" * 1_000_000},
        {"question": "x", "deadline_ms": "1e308"},
        {"question": b"\xed\xa0\x80"},
        {b"\xff": b"\xff"},
    ],
)
async def test_hostile_plain_fields_are_buried(
    redis: Any, names: Namespace, queries: Stage[Query], fields: Any
) -> None:
    """What any shell may publish could stop the embedder."""
    await handle(redis, names, queries, fields)
    assert len(await dead_codes(redis, names)) == 1


async def test_a_nul_byte_is_text_like_any_other(
    redis: Any, names: Namespace, queries: Stage[Query]
) -> None:
    """A question could be cut short on its way, and another one answered."""
    await handle(redis, names, queries, {DATA: '{"type":"query","question":"a\\u0000b"}'})
    assert await dead_codes(redis, names) == []
    assert await redis.xlen(names.key("asked")) == 1


async def test_a_question_of_20_mb_is_refused_in_few_words(
    redis: Any, names: Namespace, queries: Stage[Query]
) -> None:
    """The log and the answer would each repeat 20 MB."""
    with structlog.testing.capture_logs() as lines:
        data = json.dumps({"type": "query", "id": "q" * 200, "question": "x" * 20_000_000})
        await handle(redis, names, queries, {DATA: data})
    assert await dead_codes(redis, names) == ["invalid_query"]
    assert len(str(lines)) < 2_000
    [(_, fields)] = await redis.xrange(names.answers)
    assert len(fields[DATA]) < 2_000


PATHS = ("../../../../../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "..%2fpasswd\0.txt")


@pytest.mark.parametrize("field", ["id", "collection", "name", "title", "upload", "sha256"])
async def test_no_field_of_a_document_is_a_path(
    redis: Any, names: Namespace, documents: Stage[Document], field: str
) -> None:
    """Whoever may publish could read the ingestor's files."""
    for path in PATHS:
        message = {"type": "document", "id": "d", "text": "Oaks grow.", field: path}
        if field == "upload":
            del message["text"]
        await handle(redis, names, documents, {DATA: json.dumps(message)})
    done, codes = await embedded(redis, names), await dead_codes(redis, names)
    assert attacks.SECRET not in str(done)
    if field in ("name", "title"):  # words to be shown, nothing else
        assert [chunk.text for read in done for chunk in read.chunks] == ["Oaks grow."] * len(PATHS)
    else:
        assert done == []
        assert len(codes) == len(PATHS)
