"""What one invocation of the command knows, and the options that several commands share."""

import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

import click
import msgspec

from services.cli import connect, render
from services.cli.connect import Address
from services.cli.folder import DataFolder
from services.cli.hints import hint
from shared.messages import Answer, Name, Query, TokenEvent

if TYPE_CHECKING:  # what they need takes longer to load than a `--help` should
    from shared.client import RagstreamClient
    from shared.documents import DocumentState
    from shared.settings import StackSettings

F = TypeVar("F", bound=Callable[..., Any])


class Client(Protocol):
    """What the commands use of RagstreamClient."""

    async def ask(self, query: Query, *, timeout_s: float) -> Answer:
        """Publish a question and wait for its Answer."""

    def stream(self, query: Query, *, timeout_s: float) -> AsyncIterator[TokenEvent]:
        """Publish a question and read along."""

    async def ingest(self, data: bytes, *, document_id: str, name: str, collection: str) -> str:
        """Hand in a document's bytes."""

    def wait_ingested(
        self, document_ids: Iterable[str], *, timeout_s: float
    ) -> AsyncIterator["DocumentState"]:
        """Each document once it is done."""

    async def cancel(self, query_id: str) -> bool:
        """Take a query back; whether it was still on its way."""


OpenClient = Callable[[Address], AbstractAsyncContextManager[Client]]


def open_client(address: Address) -> "RagstreamClient":
    """The real client."""
    from shared.client import RagstreamClient  # noqa: PLC0415 - see TYPE_CHECKING above

    return RagstreamClient(
        address.redis_url,
        password=address.password,
        namespace=address.namespace,
        tracer=address.tracer,
    )


@dataclass(kw_only=True)
class Session:
    """One invocation of the command.

    Attributes:
        data_dir: as the option says; the setting's if None.
        json: the command prints one JSON object on stdout, its error included.
        environ: where settings come from.
        open_client: how to reach the stack.
    """

    data_dir: Path | None = None
    json: bool = False
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    open_client: OpenClient = open_client

    def stack_settings(self) -> "StackSettings":
        """Settings of the local stack."""
        from shared.settings import StackSettings, load  # noqa: PLC0415 - see TYPE_CHECKING above

        return load(StackSettings, self.environ)

    def folder(self) -> DataFolder:
        """The data folder that is meant; it need not exist."""
        return DataFolder.at(self.data_dir or self.stack_settings().data_dir)

    def client(self) -> AbstractAsyncContextManager[Client]:
        """A client of the stack that is meant.

        Raises:
            StackNotRunning: there is none.
        """
        return self.open_client(connect.find(self.folder(), self.environ))

    def show(self, content: object) -> None:
        """Print the one JSON object."""
        click.echo(render.safe_json(msgspec.json.encode(content)))

    def advise(self, code: str) -> None:
        """Say on stderr what can be done about an error, where its own words don't."""
        if advice := hint(code, self.environ):
            render.tell(f"hint: {advice}")

    def fail(self, code: str, message: str, exit_code: int) -> NoReturn:
        """Say what went wrong, on stderr and, with --json, as the one JSON object, and exit."""
        render.tell(f"error: {message}")
        self.advise(code)
        if self.json:
            self.show({"error": {"code": code, "message": message}})
        raise click.exceptions.Exit(exit_code)


pass_session = click.make_pass_decorator(Session, ensure=True)


def _set(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(ctx: click.Context, _option: click.Parameter, value: Any) -> None:
        if value:
            setattr(ctx.ensure_object(Session), name, value)

    return callback


data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    callback=_set("data_dir"),
    expose_value=False,
    help="Folder of the local stack.  [default: RAGSTREAM_STACK_DATA_DIR, or .ragstream]",
)
json_option = click.option(
    "--json",
    is_flag=True,
    callback=_set("json"),
    expose_value=False,
    help="Print one JSON object on stdout, and nothing else.",
)


def check_name(_ctx: click.Context, _option: click.Parameter, value: Any) -> Any:
    """Refuse a name, or one of several, that no message could carry."""
    try:
        msgspec.convert(value, Name if isinstance(value, str) else tuple[Name, ...])
    except msgspec.ValidationError:
        raise click.BadParameter(
            f"{value!r}: a name has letters, digits, . _ : and -, begins with a letter, "
            "a digit or _, and is no longer than 200"
        ) from None
    return value


collection_option = click.option(
    "--collection",
    default="default",
    show_default=True,
    callback=check_name,
    metavar="NAME",
    help="Set of documents that is meant.",
)
