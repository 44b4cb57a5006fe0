"""What crosses a stream today can be read tomorrow, and the other way round.

golden.json holds the bytes that each version wrote, the newest last: JSON of the edge streams as
it stands, MessagePack of the inner ones in hex. All of them must be read to the same message. A
change that breaks an old one breaks messages that wait in somebody's Redis while the workers are
replaced: add a field with a default instead, and append what is written now.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import messages as m

GOLDEN: dict[str, list[str]] = json.loads(
    (Path(__file__).parent / "golden.json").read_text("utf-8")
)
QUERY = m.Query(id="q", question="?")
CHUNKS = (m.Chunk(text="T.", page=1, section="S", tokens=2),)
DOCUMENT = {"document_id": "d", "collection": "c", "name": "n", "title": "t", "sha256": "s"}
Decode = Callable[[bytes], m.Message]

EDGE: list[tuple[m.Message, Decode]] = [
    (
        m.Query(id="q1", question="why?", document_ids=("d",), metadata={"k": [1, None]}),
        m.decode_query,
    ),
    (m.Document(id="d", content=b"\x00\xff"), m.decode_document),
    (
        m.Answer(
            query_id="q1",
            status="answered",
            text="So. [1]",
            citations=(m.Citation(marker=1, document_id="d", chunk_id="d:0", quote="So."),),
            evidence=(m.Evidence(sentence="So.", document_id="d", chunk_id="d:0", score=0.5),),
            support=0.5,
            timings_ms={"embedder": m.StageTiming(queue=1.0, work=2.5)},
        ),
        m.decode_answer,
    ),
    (m.Started(attempt=2), m.decode_token_event),
    (m.Token(text="so"), m.decode_token_event),
    (
        m.Finished(
            answer=m.Answer(query_id="q", status="failed", error=m.ErrorInfo(code="c", message="w"))
        ),
        m.decode_token_event,
    ),
    (
        m.DeadLetter(
            stream="rag:queries",
            entry_id="1-0",
            code="undecodable",
            reason="no",
            attempts=1,
            first_ms=1,
            last_ms=2,
            fields={"__data__": b"\xff"},
        ),
        m.decode_dead_letter,
    ),
]
INNER: list[tuple[m.Message, Decode]] = [
    (m.Retrieve(query=QUERY, embedding=b"\x01\x02", accepted_ms=3), m.decode_retrieve),
    (
        m.Generate(
            query=QUERY,
            hits=(m.Hit(chunk_id="d:0", document_id="d", text="T.", score=0.5),),
            accepted_ms=3,
        ),
        m.decode_generate,
    ),
    (m.Embed(**DOCUMENT, pages=2, chunks=CHUNKS), m.decode_embed),
    (
        m.Index(**DOCUMENT, pages=2, chunks=CHUNKS, embeddings=b"\x00\x01", model="embedder"),
        m.decode_index,
    ),
]


def golden(message: m.Message) -> list[str]:
    return GOLDEN[type(message).__name__.lower()]


@pytest.mark.parametrize(("message", "decode"), EDGE)
def test_json_stays_as_it_was(message: m.Message, decode: Decode) -> None:
    """Consumers in other languages parse just these bytes."""
    assert m.encode_json(message).decode() == golden(message)[-1]
    assert all(decode(written.encode()) == message for written in golden(message))


@pytest.mark.parametrize(("message", "decode"), INNER)
def test_messagepack_stays_as_it_was(message: m.Message, decode: Decode) -> None:
    """A rolling update has workers of two versions on one stream."""
    assert m.encode_msgpack(message).hex() == golden(message)[-1]
    assert all(decode(bytes.fromhex(written)) == message for written in golden(message))


def test_every_message_has_its_golden_bytes() -> None:
    """A message that nobody froze could change without anybody's notice."""
    assert {kind.__name__.lower() for kind in m.Message.__subclasses__()} == set(GOLDEN)


@pytest.mark.parametrize(("message", "decode"), EDGE)
def test_fields_of_a_later_version_are_ignored(message: m.Message, decode: Decode) -> None:
    """A new publisher would break every worker that is not yet new."""
    later = golden(message)[-1].removesuffix("}") + ',"later":{"a":[1]}}'
    assert decode(later.encode()) == message


@given(
    question=st.text(),
    document_ids=st.lists(st.from_regex(r"[A-Za-z0-9][\w.-]{0,20}", fullmatch=True)),
    metadata=st.dictionaries(st.text(), st.recursive(st.text() | st.integers(0, 9), st.lists)),
)
def test_a_question_survives_the_way(
    question: str, document_ids: list[str], metadata: dict[str, Any]
) -> None:
    """A question or its metadata would reach the generator other than it was asked."""
    query = m.Query(id="q", question=question, document_ids=tuple(document_ids), metadata=metadata)
    there = m.decode_query(m.encode_json(query))
    inner = m.Generate(query=there, hits=(), accepted_ms=1)
    assert m.decode_generate(m.encode_msgpack(inner)).query == query


@pytest.mark.parametrize(
    "payload",
    [
        b'{"question":1}',
        b"{}",
        b'{"question":"x","top_k":0}',
        b'{"question":"x","collection":"a b"}',
        b'{"question":"x","document_ids":["../x"]}',
        b'{"question":"x","profile":"free"}',
        b'{"type":"answer","question":"x"}',
        b"[]",
    ],
)
def test_bounds_are_kept_at_the_edge(payload: bytes) -> None:
    """A number or name out of its bounds would reach a stage that does not expect it."""
    with pytest.raises(msgspec.ValidationError):
        m.decode_query(payload)
