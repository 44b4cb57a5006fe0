"""Reads what upstream systems publish: JSON under `__data__`, or a plain field for each of ours."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from shared.errors import InvalidMessage, Undecodable
from shared.streams import Entry

M = TypeVar("M", bound=msgspec.Struct)
_LEFT = (b"type", b"traceparent")
_LISTS = ("document_ids",)
_OBJECTS = ("metadata",)
_TRACE = "`$.traceparent`"  # where msgspec says that it met something else than it expected
_DEEPEST = 64  # levels of metadata
_LEAST, _MOST = -(2**63), 2**64 - 1  # what MessagePack carries


def read_edge(entry: Entry, kind: type[M], decode: Callable[[bytes], M]) -> M:
    """Read one entry of an edge stream.

    Args:
        entry: the entry; without `__data__` its plain fields are read, text as text, numbers
            and truth values by their words, lists separated by commas, `metadata` as JSON.
        kind: the message's type.
        decode: its JSON decoder.

    Raises:
        Undecodable: the bytes are no JSON, or no text.
        InvalidMessage: a field is missing, of a wrong type or out of its bounds.
    """
    try:
        message = (
            _from_fields(entry, kind) if entry.data is None else _from_json(entry.data, decode)
        )
    except msgspec.ValidationError as exc:
        raise InvalidMessage(str(exc)) from exc
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise Undecodable(f"neither JSON nor plain text fields: {exc}") from exc
    for name in _OBJECTS:
        _check_free(getattr(message, name, None))
    return message


def _check_free(value: object, level: int = 0) -> None:
    """Check what a publisher may fill freely: every stage has to be able to pass it on.

    Raises:
        InvalidMessage: lists and objects within each other deeper than any JSON library follows
            for sure, or an integer that MessagePack has no form for.
    """
    if level > _DEEPEST:
        raise InvalidMessage(f"metadata is nested deeper than {_DEEPEST} levels")
    match value:
        case dict():
            for inner in value.values():
                _check_free(inner, level + 1)
        case list():
            for inner in value:
                _check_free(inner, level + 1)
        case int() if not _LEAST <= value <= _MOST:
            raise InvalidMessage("metadata holds an integer that does not fit into 64 bits")


def _from_json(data: bytes, decode: Callable[[bytes], M]) -> M:
    """Decode; a trace context that is no text, as null where nobody traces, costs no answer."""
    try:
        return decode(data)
    except msgspec.ValidationError as exc:
        if not str(exc).endswith(_TRACE):
            raise
        fields = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        del fields["traceparent"]
        return decode(msgspec.json.encode(fields))


def _from_fields(entry: Entry, kind: type[M]) -> M:
    fields: dict[str, object] = {
        name.decode(): value.decode() for name, value in entry.fields.items() if name not in _LEFT
    }
    fields["traceparent"] = entry.fields.get(b"traceparent", b"").decode("ascii", "replace")
    for name in _LISTS:
        if isinstance(listed := fields.get(name), str):
            fields[name] = [part.strip() for part in listed.split(",") if part.strip()]
    for name in _OBJECTS:
        if isinstance(text := fields.get(name), str):
            fields[name] = msgspec.json.decode(text)
    return msgspec.convert(fields, kind, strict=False)
