"""`ragstream console`: a page that shows the pipeline, asks questions and redrives dead letters."""

import asyncio
import secrets
import signal
from contextlib import suppress

import click

from services.cli import connect, exits, render
from services.cli.session import Session, data_dir_option, pass_session
from services.console.settings import ConsoleSettings
from shared import telemetry
from shared.settings import CommonSettings, load

TOKEN = f"{ConsoleSettings.prefix}TOKEN"


@click.command
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    help="Port on which it is served; 0 takes a free one.  [default: RAGSTREAM_CONSOLE_PORT, 8090]",
)
@click.option(
    "--writable",
    is_flag=True,
    help="Let the page ask, cancel and redrive: makes a token for this run and prints the address "
    "that has it.",
)
@data_dir_option
@pass_session
def console(session: Session, *, port: int | None, writable: bool) -> None:
    """Serve a page that shows the pipeline as it flows, until Ctrl-C.

    It shows each stage with its rate, lag, oldest age and consumers, recent queries by state, and
    dead letters. With a token (--writable, or RAGSTREAM_CONSOLE_TOKEN) it also asks questions,
    whose answers stream in with citations that open the quoted passage, and redrives dead letters.
    It is served on this machine alone, unless RAGSTREAM_CONSOLE_HOST says otherwise.

    \b
    Examples:
      ragstream console
      ragstream console --writable
      RAGSTREAM_REDIS_URL=redis://redis:6379/0 ragstream console --port 0

    \b
    Exit status: 0 ended with Ctrl-C, 2 a setting is wrong, 4 the port is taken, 6 no stack runs.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from services.console import app  # noqa: PLC0415 - other commands start without a web server

    common, settings = load(CommonSettings, session.environ), _settings(session, port, writable)
    address = connect.find(session.folder(), session.environ)
    with app.listen(settings) as listening, suppress(KeyboardInterrupt):
        telemetry.configure("console", common.log_level)
        signal.signal(signal.SIGTERM, _exit)
        made = writable and TOKEN not in session.environ
        where = _address(settings, listening.getsockname()[1], with_token=made)
        asyncio.run(
            app.serve(
                settings,
                address,
                listening,
                visible_s=common.visibility_timeout_ms / 1000,
                on_start=lambda: render.say(where),
            )
        )
    raise click.exceptions.Exit(exits.OK)


def _settings(session: Session, port: int | None, writable: bool) -> ConsoleSettings:  # noqa: FBT001 - a flag of the command line
    """The settings, with what the command line says in their place."""
    given = dict(session.environ)
    if port is not None:
        given[f"{ConsoleSettings.prefix}PORT"] = str(port)
    if writable:
        given.setdefault(TOKEN, secrets.token_urlsafe(24))
    return load(ConsoleSettings, given)


def _exit(_number: int, _frame: object) -> None:
    """End in order; uvicorn raises the signal again once it has shut down."""
    raise SystemExit(0)


def _address(settings: ConsoleSettings, port: int, *, with_token: bool) -> str:
    """What is printed: a browser keeps what stands behind # to itself."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    token = settings.token.get_secret_value()
    return f"http://{host}:{port}/" + (f"#token={token}" if with_token else "")
