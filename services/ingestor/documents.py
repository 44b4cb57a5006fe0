"""What upstream systems put on `documents`, read and checked. Pure."""

import hashlib
from collections.abc import Mapping

from shared.edge import read_edge
from shared.errors import DamagedDocument, DocumentTooLarge, InvalidMessage
from shared.messages import Document, decode_document
from shared.streams import Entry


def read_document(entry: Entry) -> Document:
    """Read a document's message.

    Raises:
        Undecodable: the bytes are no JSON.
        InvalidMessage: a field is missing, of a wrong type or out of bounds, or not exactly one
            of text, content and upload is given.
    """
    document = read_edge(entry, Document, decode_document)
    given = [document.text, document.content, document.upload]
    if sum(part is not None for part in given) != 1:
        raise InvalidMessage("give exactly one of text, content and upload")
    return document


def check_bytes(document: Document, data: bytes, *, max_bytes: int) -> str:
    """Check a document's bytes against its message and the limit.

    Returns:
        Their sha256 in hex.

    Raises:
        DocumentTooLarge: more than `max_bytes`.
        DamagedDocument: they are not the bytes that the publisher hashed.
    """
    if len(data) > max_bytes:
        raise DocumentTooLarge(
            f"{document.name or document.id} has {len(data)} bytes, at most {max_bytes}: "
            "raise RAGSTREAM_INGESTOR_MAX_DOCUMENT_BYTES or split it"
        )
    found = hashlib.sha256(data).hexdigest()
    if document.sha256 and document.sha256.lower() != found:
        raise DamagedDocument(f"sha256 is {found}, the publisher said {document.sha256}")
    return found


def unchanged(document: Document, sha256: str, record: Mapping[bytes, bytes]) -> bool:
    """Whether the index holds just this already: then there is nothing to do."""
    wanted = {b"sha256": sha256, b"collection": document.collection}
    if document.title:
        wanted[b"title"] = document.title
    return bool(int(record.get(b"chunks", b"0"))) and all(
        record.get(name) == value.encode() for name, value in wanted.items()
    )
