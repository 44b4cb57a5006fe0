"""What goes back to the browser: JSON, events, errors in plain words, and headers that bind it."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Final

import msgspec
from starlette.responses import Response, StreamingResponse

from services.console.access import Refused
from shared.errors import Outage, Overloaded, Permanent, RagstreamError, SetupError

# The page runs our own files alone: no inline script or style, nothing from elsewhere, in no frame.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}
_ENCODE = msgspec.json.Encoder().encode


class ErrorView(msgspec.Struct, frozen=True, kw_only=True):
    """An error for the page; `retry_after_s` only where a later try may succeed."""

    code: str
    message: str
    retry_after_s: float | None = None

    @classmethod
    def of(cls, error: RagstreamError) -> "ErrorView":
        """What the page shows of an error."""
        wait_s = error.retry_after_s if isinstance(error, Overloaded) else None
        return cls(code=error.code, message=str(error), retry_after_s=wait_s)


def json(content: object, status: int = 200) -> Response:
    """One JSON object."""
    return Response(_ENCODE(content), status, media_type="application/json")


def failed(error: RagstreamError) -> Response:
    """An error with its code, in words for a person."""
    response = json({"error": ErrorView.of(error)}, status_of(error))
    if isinstance(error, Overloaded):
        response.headers["retry-after"] = str(max(1, round(error.retry_after_s)))
    return response


def status_of(error: RagstreamError) -> int:
    """HTTP's status for an error."""
    match error:
        case Refused():
            return error.status
        case Permanent():
            return 422
        case Outage() | Overloaded() | SetupError():
            return 503
        case _:
            return 500


def event(name: str, content: object) -> bytes:
    """One server-sent event; JSON has no line breaks of its own."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _ENCODE(content))


def events(source: AsyncGenerator[bytes]) -> StreamingResponse:
    """A stream of events; proxies are asked not to hold it back."""
    return StreamingResponse(
        _closed(source), media_type="text/event-stream", headers={"x-accel-buffering": "no"}
    )


async def _closed(source: AsyncGenerator[bytes]) -> AsyncIterator[bytes]:
    """The same, ended in order when the browser goes away."""
    async with aclosing(source):
        async for one in source:
            yield one
