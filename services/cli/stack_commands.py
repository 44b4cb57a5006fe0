"""`ragstream up|down|logs`: the local stack."""

import click

from services.cli import logs as log_files
from services.cli import render
from services.cli.part import NAMES, SUPERVISOR
from services.cli.session import Session, data_dir_option, pass_session
from shared.errors import StackNotRunning


@click.command(short_help="Start Redis, Triton and the workers on this machine.")
@click.option("--detach", is_flag=True, help="Return once all is ready; stop it with `down`.")
@click.option("--log-only", is_flag=True, hidden=True, help="Progress goes to the log alone.")
@data_dir_option
@pass_session
def up(session: Session, *, detach: bool, log_only: bool) -> None:
    """Start Redis, Triton and the workers on this machine, and keep them alive.

    Builds the models first where they are missing. Everything is kept in one folder; ports
    are free ones, unless RAGSTREAM_STACK_REDIS_PORT or RAGSTREAM_STACK_TRITON_PORT ask for
    one. Ctrl-C stops the workers, then Triton, then Redis; a second Ctrl-C does not wait.

    \b
    Examples:
      ragstream up
      ragstream up --detach
      ragstream up --detach --data-dir /var/tmp/papers
      RAGSTREAM_STACK_REDIS_PORT=6379 ragstream up

    \b
    Exit status: 0 stopped (--detach: ready), 3 data folder, 4 port in use, 5 a stack runs
    there already, 6 a part did not start, 10 models cannot be built.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from services.cli import launch  # noqa: PLC0415 - a worker's image has no psutil

    folder, settings = session.folder(), session.stack_settings()
    if detach:
        outcome = launch.in_background(folder)
        raise click.exceptions.Exit(outcome)
    launch.in_foreground(folder, settings, session.environ, log_only=log_only)


@click.command(short_help="Stop the stack.")
@data_dir_option
@pass_session
def down(session: Session) -> None:
    """Stop the stack, or what is left of one whose supervisor was killed. Data is kept.

    \b
    Examples:
      ragstream down
      ragstream down --data-dir /var/tmp/papers

    Exit status: 0, whether or not anything ran.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from services.cli import stack  # noqa: PLC0415 - a worker's image has no psutil

    folder = session.folder()
    if stack.down(folder, render.tell):
        render.tell(f"stopped the stack on {folder.path}")
    else:
        render.tell(f"nothing runs on {folder.path}")


@click.command(short_help="Show the log of a part.")
@click.argument("part", type=click.Choice([*NAMES, SUPERVISOR]))
@click.option("--follow", "-f", is_flag=True, help="Go on with what is added, until Ctrl-C.")
@click.option("--lines", "-n", default=50, show_default=True, type=click.IntRange(min=0))
@data_dir_option
@pass_session
def logs(session: Session, *, part: str, follow: bool, lines: int) -> None:
    """Show the end of a part's log.

    \b
    Examples:
      ragstream logs generator
      ragstream logs triton --follow
      ragstream logs supervisor --lines 200
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    log = session.folder().log(part)
    if not log.exists() and not follow:
        raise StackNotRunning(
            f"there is no log {log}: no stack ever ran on this data folder; "
            "choose another with --data-dir"
        )
    size = log.stat().st_size if log.exists() else 0
    for line in log_files.last_lines(log, lines):
        render.say(render.uncoloured(line))
    if follow:
        for line in log_files.follow(log, size, lambda: True):
            render.say(render.uncoloured(line))
