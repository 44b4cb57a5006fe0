"""/livez and /readyz: alive means the event loop turns; ready means work can be done now."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from faststream.asgi import AsgiResponse, get

from shared.delivery import Delivery, classify

Check = Callable[[], Awaitable[Any]]


def routes(deliveries: Sequence[Delivery], checks: Sequence[Check]) -> list[tuple[str, Any]]:
    """ASGI routes of one worker.

    Args:
        deliveries: one for each namespace; says whether an outage has paused the worker there.
        checks: each raises while something that the worker needs is away.
    """

    @get
    async def livez(_scope: Any) -> AsgiResponse:
        return _respond(200, {"status": "alive"})

    @get
    async def readyz(_scope: Any) -> AsgiResponse:
        if (reason := await _why_not(deliveries, checks)) is None:
            return _respond(200, {"status": "ready"})
        return _respond(503, {"status": "not ready", "reason": reason})

    return [("/livez", livez), ("/readyz", readyz)]


async def _why_not(deliveries: Sequence[Delivery], checks: Sequence[Check]) -> str | None:
    for delivery in deliveries:
        if delivery.outage:
            return delivery.outage
    for check in checks:
        try:
            await check()
        except Exception as exc:  # noqa: BLE001 - any failure means not ready, and is told
            error = classify(exc)
            return f"{error.code}: {error}"
    return None


def _respond(status: int, body: dict[str, str]) -> AsgiResponse:
    return AsgiResponse(
        json.dumps(body).encode(), status, headers={"Content-Type": "application/json"}
    )
