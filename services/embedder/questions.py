"""What upstream systems put on `queries`, read and checked. Pure."""

from msgspec.structs import replace

from shared.edge import read_edge
from shared.errors import InvalidMessage, InvalidQuery
from shared.messages import Query, decode_query, encode_msgpack
from shared.streams import Entry


def read_query(entry: Entry) -> Query:
    """Read a question; where it brings no id, it takes the entry's.

    Raises:
        Undecodable: the bytes are no JSON.
        InvalidMessage: a field is missing, of a wrong type or out of bounds.
    """
    query = read_edge(entry, Query, decode_query)
    try:
        encode_msgpack(query.metadata)
    except OverflowError as exc:
        raise InvalidMessage("metadata holds a number of more than 64 bits") from exc
    return replace(query, id=query.id or entry.id)


def check_question(query: Query, *, max_chars: int) -> None:
    """See that a question can be asked.

    Raises:
        InvalidQuery: it is empty, or longer than `max_chars` characters.
    """
    question = query.question.strip()
    if not question:
        raise InvalidQuery("the question is empty")
    if len(question) > max_chars:
        raise InvalidQuery(f"the question has {len(question)} characters, at most {max_chars}")
