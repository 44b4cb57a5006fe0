"""The streams as an AsyncAPI 3 document: `python -m services.cli.asyncapi > docs/asyncapi.json`.

FastStream writes such documents, too, and knows too little of ours: it sees an `Entry` of raw
bytes where each stream has a message, two subscriptions where there is one stream, and nothing of
what commits publish, since a script on the server does that.
"""

import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import click
import msgspec

from shared.messages import (
    Answer,
    DeadLetter,
    Document,
    Embed,
    Finished,
    Generate,
    Index,
    Message,
    Query,
    Retrieve,
    Started,
    Token,
    encode_json,
)
from shared.streams import Namespace

_NAMES: Final = Namespace("{namespace}")
_PARTS: Final = ("ingestor", "embedder", "retriever", "generator")
_JSON: Final = "application/json"
_MSGPACK: Final = "application/vnd.msgpack"
_VERSION: Final = "1.0.0"  # of the messages; they grow without breaking, so that only 1.x follows
_ABOUT: Final = """\
Question answering over documents: publish a Document, then a Query, and read its Answer.

Every stream is a Redis stream. An entry has the one field `__data__`, which holds the message:
JSON on the edge streams (queries, documents, answers, tokens, dead), MessagePack on the inner ones,
where what JSON has as base64 is binary. Questions and documents may also come as plain fields, one
for each of the message's. Unknown fields are ignored, new ones have a default, types never change.
"""


@dataclass(frozen=True, slots=True)
class Channel:
    """One stream.

    Attributes:
        name: as people call it.
        address: its key, with parameters in braces.
        messages: what it carries.
        summary: what it is for.
        readers: parts that read it, each as a consumer group of its own name.
        writers: parts that write it; upstream systems alone if there is none.
        edge: whether others than our parts use it.
    """

    name: str
    address: str
    messages: tuple[type[Message], ...]
    summary: str
    readers: tuple[str, ...] = ()
    writers: tuple[str, ...] = ()
    edge: bool = False

    @property
    def id(self) -> str:
        """Name without the characters that a reference cannot hold."""
        return self.name.replace(":bulk", "Bulk")


def channels() -> Iterator[Channel]:
    """Every stream, in the order of the flow."""
    yield Channel(
        "documents", _NAMES.documents, (Document,), "Documents to ingest", ("ingestor",), edge=True
    )
    yield Channel(
        "embed", _NAMES.embed, (Embed,), "Chunks of a document", ("embedder",), ("ingestor",)
    )
    yield Channel(
        "index", _NAMES.index, (Index,), "Chunks and vectors", ("retriever",), ("embedder",)
    )
    for name, kind, about, reader, writers in (
        ("queries", Query, "Questions", "embedder", ()),
        ("retrieve", Retrieve, "Questions with their vectors", "retriever", ("embedder",)),
        ("generate", Generate, "Questions with their passages", "generator", ("retriever",)),
    ):
        key, edge = _NAMES.key(name), kind is Query
        yield Channel(name, key, (kind,), about, (reader,), writers, edge)
        lane = _NAMES.lane(key, "bulk")
        # a bulk question on `queries` is moved to its lane by the embedder
        moved = ("embedder",) if edge else writers
        yield Channel(f"{name}:bulk", lane, (kind,), f"{about}; bulk lane", (reader,), moved, edge)
    yield Channel(
        "answers",
        _NAMES.answers,
        (Answer,),
        "One Answer to each question",
        writers=("embedder", "retriever", "generator"),
        edge=True,
    )
    yield Channel(
        "tokens",
        _NAMES.tokens("{queryId}"),
        (Started, Token, Finished),
        "One question's answer while it is written, ended by the whole Answer",
        writers=("embedder", "retriever", "generator"),
        edge=True,
    )
    yield Channel(
        "dead", _NAMES.dead, (DeadLetter,), "What no attempt could handle", (), _PARTS, edge=True
    )


def document() -> dict[str, Any]:
    """The AsyncAPI document, as JSON has it."""
    found = list(channels())
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "ragstream",
            "version": _VERSION,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": _JSON,
        "servers": {
            "redis": {
                "host": "127.0.0.1:6379",
                "protocol": "redis",
                "description": "Redis 8, or 7.4 with its search module; RAGSTREAM_REDIS_URL.",
            }
        },
        "channels": {channel.id: _channel(channel) for channel in found},
        "operations": {name: made for channel in found for name, made in _operations(channel)},
        "components": {
            "messages": dict(_messages(found)),
            "schemas": _schemas({kind for channel in found for kind in channel.messages}),
        },
    }


def _channel(channel: Channel) -> dict[str, Any]:
    return {
        "address": channel.address,
        "title": channel.name,
        "summary": f"{channel.summary}.",
        "servers": [{"$ref": "#/servers/redis"}],
        "parameters": dict(_parameters(channel)),
        "messages": {
            kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"}
            for kind in channel.messages
        },
        "tags": [{"name": "edge" if channel.edge else "inner"}],
    }


def _parameters(channel: Channel) -> Iterator[tuple[str, dict[str, str]]]:
    yield (
        "namespace",
        {"default": "rag", "description": "RAGSTREAM_NAMESPACE; `{rag}` with Redis Cluster."},
    )
    if "{queryId}" in channel.address:
        yield "queryId", {"description": "The Query's id."}


def _operations(channel: Channel) -> Iterator[tuple[str, dict[str, Any]]]:
    """What our parts do with a stream: those of an application that uses them are the reverse."""
    done: Sequence[tuple[Literal["receive", "send"], str, Sequence[str]]] = (
        ("receive", "Reads", channel.readers),
        ("send", "Writes", channel.writers),
    )
    for action, verb, parts in done:
        for part in parts:
            made: dict[str, Any] = {
                "action": action,
                "channel": {"$ref": f"#/channels/{channel.id}"},
                "title": f"{part} {verb.lower()} {channel.name}",
                "tags": [{"name": part}],
            }
            if action == "receive":
                made["description"] = f"As consumer group `{part}`."
            if action == "receive" and channel.messages == (Query,):
                made["reply"] = {"channel": {"$ref": "#/channels/answers"}}
            yield f"{part}{verb}{channel.id[0].upper()}{channel.id[1:]}", made


def _messages(found: Iterable[Channel]) -> Iterator[tuple[str, dict[str, Any]]]:
    ids = {Query: "id", Answer: "query_id"}
    examples: Mapping[type[Message], Message] = {
        Query: Query(id="q-1", question="Which data sets were used?", collection="papers"),
        Document: Document(id="paper-1", collection="papers", name="paper-1.txt", text="…"),
    }
    for channel in found:
        for kind in channel.messages:
            made: dict[str, Any] = {
                "name": kind.__name__.lower(),
                "contentType": _JSON if channel.edge else _MSGPACK,
                "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
            }
            if kind in ids:
                made["correlationId"] = {"location": f"$message.payload#/{ids[kind]}"}
            if kind in examples:
                made["examples"] = [{"payload": json.loads(encode_json(examples[kind]))}]
            yield kind.__name__, made


def _schemas(kinds: Iterable[type[Message]]) -> dict[str, Any]:
    ordered = sorted(kinds, key=lambda kind: kind.__name__)
    _, schemas = msgspec.json.schema_components(ordered, ref_template="#/components/schemas/{name}")
    made: dict[str, Any] = _draft_07(schemas)
    return dict(sorted(made.items()))


def _draft_07(schema: Any) -> Any:
    """A schema of msgspec, which writes draft 2020-12, as AsyncAPI reads it.

    Tuples have their types in `items`, and patterns are those of ECMAScript.
    """
    if isinstance(schema, list):
        return [_draft_07(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _draft_07(inner) for name, inner in schema.items()}
    if "prefixItems" in made:
        made |= {"items": made.pop("prefixItems"), "additionalItems": False}
    if isinstance(pattern := made.get("pattern"), str):
        made["pattern"] = re.sub(r"\\Z$", "$", pattern)
    if isinstance(description := made.get("description"), str):
        made["description"] = inspect.cleandoc(description)
    return made


def render() -> str:
    """The whole file."""
    return json.dumps(document(), indent=2, ensure_ascii=False)


if __name__ == "__main__":
    click.echo(render())
