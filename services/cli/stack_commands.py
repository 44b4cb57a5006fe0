"""`ragstream up|down|logs`: the local stack."""

import click

from services.cli import logs as log_files
from services.cli import render
from services.cli.part import NAMES, SUPERVISOR
from services.cli.session import Session, data_dir_option, pass_session
from shared.errors import StackNotRunning


@click.command
@click.option("--detach", is_flag=True, help="Return once all is ready; stop it with `down`.")
@click.option("--log-only", is_flag=True, hidden=True, help="Progress goes to the log alone.")
@data_dir_option
@pass_session
def up(session: Session, *, detach: bool, log_only: bool) -> None:
    """Start Redis, Triton and the workers on this machine, and keep them alive.

    Where the models are missing it builds them first, in a minute or two: it downloads up to
    180 MB and takes 1 GB of disk. Everything else is kept in the data folder. Ports are free ones,
    unless RAGSTREAM_STACK_REDIS_PORT or RAGSTREAM_STACK_TRITON_PORT ask for one.

    Prints each step, then a table of all parts. Ctrl-C stops the workers, then Triton, then
    Redis; a second Ctrl-C does not wait.

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


@click.command
@data_dir_option
@pass_session
def down(session: Session) -> None:
    """Stop the stack, or what is left of one whose supervisor was killed. Data is kept.

    Questions that were accepted go on with the next `up`.

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


@click.command
@click.argument("part", type=click.Choice([*NAMES, SUPERVISOR]), metavar="PART")
@click.option("--follow", "-f", is_flag=True, help="Go on with what is added, until Ctrl-C.")
@click.option(
    "--lines",
    "-n",
    default=50,
    show_default=True,
    type=click.IntRange(min=0),
    metavar="N",
    help="How many lines of its end.",
)
@data_dir_option
@pass_session
def logs(session: Session, *, part: str, follow: bool, lines: int) -> None:
    """Show the end of a part's log, of a stack that has stopped, too.

    PART is redis, triton, ingestor, embedder, retriever, generator, or supervisor, which starts
    the others.

    \b
    Examples:
      ragstream logs generator
      ragstream logs triton --follow
      ragstream logs supervisor --lines 200

    Exit status: 0, 6 no stack ever ran on this data folder.
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
