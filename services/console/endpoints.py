"""HTTP on one side, handler.py on the other: what a request may hold, and who may send it."""

import uuid
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta
from redis.asyncio import Redis
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.console import handler, replies
from services.console.access import Access, BadRequest, TooLarge
from services.console.live import Live
from services.console.settings import ConsoleSettings
from services.embedder.questions import check_question
from shared.client import RagstreamClient
from shared.messages import Name, Query
from shared.streams import Namespace

_MOST_BYTES = 256 * 1024  # a question of the longest kind, each character escaped
_Id = Annotated[str, Meta(min_length=1, max_length=400)]
R = TypeVar("R", bound=msgspec.Struct)


class Ask(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question as the page sends it."""

    question: str
    collection: Name = "default"


class Cancel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question that is taken back."""

    query_id: _Id


class Redrive(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Dead letters to try again."""

    ids: Annotated[tuple[_Id, ...], Meta(min_length=1, max_length=handler.MOST_LETTERS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """What the endpoints work with.

    Attributes:
        redis: client that returns bytes.
        client: asks and cancels.
        names: keys of the namespace.
        live: looks at the streams.
        access: who may do what.
        settings: limits.
        is_over: the server is told to stop.
    """

    redis: Redis
    client: RagstreamClient
    names: Namespace
    live: Live
    access: Access
    settings: ConsoleSettings
    is_over: Callable[[], bool]

    def routes(self) -> list[Route]:
        """All of them; GET looks, POST changes something."""
        looking = {
            "/api/about": self.about,
            "/api/live": self.follow,
            "/api/query": self.query,
            "/api/passage": self.passage,
            "/api/dead": self.letters,
            "/api/letter": self.letter,
        }
        changing = {"/api/ask": self.ask, "/api/cancel": self.cancel, "/api/redrive": self.redrive}
        return [
            *(Route(path, endpoint, methods=["GET"]) for path, endpoint in looking.items()),
            *(Route(path, endpoint, methods=["POST"]) for path, endpoint in changing.items()),
        ]

    async def about(self, request: Request) -> Response:
        """What the page must know before it shows anything; open to all who reach it."""
        access, headers = self.access, request.headers
        return replies.json(
            {
                "namespace": self.names.name,
                "has_token": bool(access.token),
                "may_read": access.open or access.may_change(headers),
                "may_change": access.may_change(headers),
                "visible_s": self.live.visible_s,
                "max_question_chars": self.settings.max_question_chars,
            }
        )

    async def follow(self, request: Request) -> Response:
        """A look at the streams each second, for as long as the page is open."""
        self.access.check_read(request.headers)
        return replies.events(self._looks())

    async def _looks(self) -> AsyncGenerator[bytes]:
        async for seen in self.live.follow(self.is_over):
            yield replies.event("look", seen)

    async def query(self, request: Request) -> Response:
        """Where one query is, and its Answer."""
        self.access.check_read(request.headers)
        found = await handler.look_up(self.redis, self.names, _given(request, "id"))
        return replies.json(found)

    async def passage(self, request: Request) -> Response:
        """What a citation points to."""
        self.access.check_read(request.headers)
        found = await handler.passage(self.redis, self.names, _given(request, "chunk_id"))
        return replies.json(found)

    async def letters(self, request: Request) -> Response:
        """The oldest dead letters."""
        self.access.check_read(request.headers)
        code = request.query_params.get("code") or None
        return replies.json(await handler.letters(self.redis, self.names, code))

    async def letter(self, request: Request) -> Response:
        """One dead letter, whole."""
        self.access.check_read(request.headers)
        found = await handler.letter(self.redis, self.names, _given(request, "id"))
        return replies.json(found)

    async def ask(self, request: Request) -> Response:
        """Ask, and read along."""
        self.access.check_change(request.headers)
        wanted, timeout_s = await _body(request, Ask), self.settings.answer_timeout_s
        query = Query(
            id=uuid.uuid4().hex,
            question=wanted.question,
            collection=wanted.collection,
            deadline_ms=round(timeout_s * 1000),
            stream=True,
        )
        check_question(query, max_chars=self.settings.max_question_chars)
        return replies.events(handler.ask(self.client, query, timeout_s))

    async def cancel(self, request: Request) -> Response:
        """Take a question back; false where it has its Answer already."""
        self.access.check_change(request.headers)
        wanted = await _body(request, Cancel)
        return replies.json({"cancelled": await self.client.cancel(wanted.query_id)})

    async def redrive(self, request: Request) -> Response:
        """Try dead letters again."""
        self.access.check_change(request.headers)
        wanted = await _body(request, Redrive)
        done = await handler.redrive_each(self.redis, self.names, wanted.ids)
        return replies.json({"letters": done})


def _given(request: Request, name: str) -> str:
    """A parameter of the address.

    Raises:
        BadRequest: it is missing, empty or too long.
    """
    try:
        return msgspec.convert(request.query_params.get(name), _Id)
    except msgspec.ValidationError as exc:
        raise BadRequest(f"{name}: {exc}") from exc


async def _body(request: Request, kind: type[R]) -> R:
    """What a request holds.

    Raises:
        BadRequest: something else than it should.
        TooLarge: more than any request of the page.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise BadRequest("the content type is not application/json")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _MOST_BYTES:
            raise TooLarge(f"more than {_MOST_BYTES:,} bytes")
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise BadRequest(str(exc)) from exc
