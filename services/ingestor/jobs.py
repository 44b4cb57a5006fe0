"""What the ingestor and its reading processes tell each other, and how it is framed. Pure.

MessagePack and not pickle: a child that a document has taken over can send wrong text, which is
then checked against these types, but nothing that runs in the worker.
"""

import msgspec

from services.ingestor.text import Unit

LENGTH_BYTES = 8  # of the number before each frame, big-endian
OUT_OF_MEMORY = 70  # exit status of a child whose allocation failed


class Job(msgspec.Struct, frozen=True, kw_only=True, tag="job"):
    """To the child: one document."""

    name: str
    data: bytes


class Reading(msgspec.Struct, frozen=True, kw_only=True, tag="reading"):
    """From the child: a document that was read, cut into sentences.

    Attributes:
        title: as in `text.Source`.
        pages: as in `text.Source`.
        authors: as in `text.Source`.
        doi: as in `text.Source`.
        missing: as in `text.Source`.
        units: in reading order, possibly none.
    """

    title: str
    pages: int | None
    units: list[Unit]
    authors: tuple[str, ...] = ()
    doi: str = ""
    missing: str = ""


class Refusal(msgspec.Struct, frozen=True, kw_only=True, tag="refusal"):
    """From the child: the `code` of an UnreadableDocument, and words for a person."""

    code: str
    message: str


Reply = Reading | Refusal

_encode = msgspec.msgpack.Encoder().encode
decode_job = msgspec.msgpack.Decoder(Job).decode
decode_reply = msgspec.msgpack.Decoder(Reply).decode


def frame(message: Job | Reply) -> bytes:
    """Give a message's bytes with their length before them."""
    payload = _encode(message)
    return len(payload).to_bytes(LENGTH_BYTES, "big") + payload


READY = (0).to_bytes(LENGTH_BYTES, "big")  # an empty frame: the child has begun and takes jobs
