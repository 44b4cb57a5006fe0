"""The console's server: wiring only."""

import asyncio
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.cli.connect import Address
from services.console.access import Access, Refused
from services.console.endpoints import Console
from services.console.live import Live, Watch
from services.console.replies import HEADERS, failed
from services.console.settings import ConsoleSettings
from shared.client import RagstreamClient
from shared.errors import PortInUse, RagstreamError
from shared.redis import connect
from shared.streams import Namespace

log = structlog.get_logger()
STATIC: Final = Path(__file__).parent / "static"
_BACKLOG: Final = 128
_GRACE_S: Final = 3  # for answers that are being written when the console stops


class Guard:
    """Lets in what comes by one of our names and from our own page; binds every reply.

    Args:
        app: what is guarded.
        access: the rules.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def bound(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        app = self._refused(scope) or self._app
        await app(scope, receive, bound)

    def _refused(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        try:
            self._access.check_source(headers)
            if scope["path"].startswith("/api/"):
                self._access.check_own_page(headers)
        except Refused as exc:
            return failed(exc)
        return None


def build(console: Console) -> ASGIApp:
    """The page, its files, and what its script asks for."""
    routes = [*console.routes(), Mount("/", StaticFiles(directory=STATIC, html=True))]
    handlers = {RagstreamError: _told, Exception: _unforeseen}
    return Guard(Starlette(routes=routes, exception_handlers=handlers), console.access)


async def _told(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RagstreamError)  # noqa: S101 - what it is registered for
    return failed(error)


async def _unforeseen(request: Request, error: Exception) -> Response:
    """Tell the operator what happened, and the browser only that it did."""
    log.error("a request failed", path=request.url.path, exc_info=error)
    return failed(RagstreamError("the console failed at this: its log says why"))


def listen(settings: ConsoleSettings) -> socket.socket:
    """A socket on the address that is wanted.

    Raises:
        PortInUse: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG)
    except OSError as exc:
        raise PortInUse(
            f"{settings.host} port {settings.port} cannot be used: {exc.strerror}; choose another "
            "with --port or RAGSTREAM_CONSOLE_PORT"
        ) from exc


async def serve(
    settings: ConsoleSettings,
    address: Address,
    on: socket.socket,
    *,
    visible_s: float,
    on_start: Callable[[], None] = lambda: None,
) -> None:
    """Serve the page until the process is told to stop, or this is cancelled.

    Args:
        settings: who may do what.
        address: where Redis is; it may be away.
        on: a socket that listens.
        visible_s: the workers' visibility time-out, seconds.
        on_start: called just before the first request can be answered.
    """
    names = Namespace(address.namespace)
    redis = connect(address.redis_url, address.password)
    client = RagstreamClient(
        address.redis_url, password=address.password, namespace=address.namespace
    )
    watch = Watch(every_s=settings.look_every_s, visible_s=visible_s, clock=time.monotonic)
    server: uvicorn.Server
    console = Console(
        redis=redis,
        client=client,
        names=names,
        live=Live(redis, names, watch),
        access=Access.of(settings),
        settings=settings,
        is_over=lambda: server.should_exit,
    )
    server = uvicorn.Server(_config(build(console), settings))
    try:
        async with client:
            on_start()
            await server.serve(sockets=[on])
    except asyncio.CancelledError:
        server.should_exit = True
        if server.started:  # uvicorn would leave its socket with the event loop
            await server.shutdown([on])
        raise
    finally:
        await redis.aclose()


def _config(app: ASGIApp, settings: ConsoleSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        log_level="warning",
        lifespan="off",
        server_header=False,
        limit_concurrency=settings.connections,
        timeout_graceful_shutdown=_GRACE_S,
    )
