"""What a person can do about an error, where its own words don't say."""

from collections.abc import Mapping
from typing import Final

from services.cli.connect import URL
from shared.errors import Expired, RedisUnavailable, UnknownCollection, UnknownDocument

_BY_CODE: Final[Mapping[str, str]] = {
    UnknownCollection.code: "`ragstream documents list` shows each document with its collection",
    UnknownDocument.code: "`ragstream documents list` shows each document's id and collection",
    Expired.code: "`ragstream status` shows what it waited for; --timeout gives it longer",
    RedisUnavailable.code: "`ragstream status` shows the local stack, `ragstream logs redis` why",
}
_ELSEWHERE: Final = f"{URL} says where it is looked for; without it, the local stack is asked"


def hint(code: str, environ: Mapping[str, str]) -> str:
    """A line for a code of shared/errors.py; "" where there is nothing to add.

    Args:
        code: of an error or of an Answer's.
        environ: where the command finds Redis.
    """
    if code == RedisUnavailable.code and URL in environ:
        return _ELSEWHERE
    return _BY_CODE.get(code, "")
