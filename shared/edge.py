"""Reads what upstream systems publish: JSON under `__data__`, or a plain field for each of ours."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from shared.errors import InvalidMessage, Undecodable
from shared.streams import Entry

M = TypeVar("M", bound=msgspec.Struct)
_LISTS = ("document_ids",)
_OBJECTS = ("metadata",)


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
        return _from_fields(entry, kind) if entry.data is None else decode(entry.data)
    except msgspec.ValidationError as exc:
        raise InvalidMessage(str(exc)) from exc
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise Undecodable(f"neither JSON nor plain text fields: {exc}") from exc


def _from_fields(entry: Entry, kind: type[M]) -> M:
    fields: dict[str, object] = {
        name.decode(): value.decode() for name, value in entry.fields.items() if name != b"type"
    }
    for name in _LISTS:
        if isinstance(listed := fields.get(name), str):
            fields[name] = [part.strip() for part in listed.split(",") if part.strip()]
    for name in _OBJECTS:
        if isinstance(text := fields.get(name), str):
            fields[name] = msgspec.json.decode(text)
    return msgspec.convert(fields, kind, strict=False)
