"""What upstream systems put on `queries`, read and checked. Pure."""

from msgspec.structs import replace

from shared.edge import read_edge
from shared.errors import InvalidQuery
from shared.messages import Query, decode_query
from shared.streams import Entry


def read_query(entry: Entry) -> Query:
    """Read a question; where it brings no id, it takes the entry's.

    Raises:
        Undecodable: the bytes are no JSON.
        InvalidMessage: a field is missing, of a wrong type or out of bounds.
    """
    query = read_edge(entry, Query, decode_query)
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
