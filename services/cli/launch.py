"""`up`, in the foreground and in the background, with its words for the operator."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from services.cli import detach, render, stack, view
from services.cli import logs as log_files
from services.cli.folder import DataFolder
from services.cli.part import SUPERVISOR
from services.cli.parts import LocalStack
from services.cli.supervisor import Report
from services.embedder.settings import EmbedderSettings
from services.generator.settings import GeneratorSettings
from services.ingestor.settings import IngestorSettings
from services.retriever.settings import RetrieverSettings
from shared.settings import CommonSettings, Settings, StackSettings, load

_STAMP = re.compile(r"[\d-]+T[\d:]+Z ")
WORKERS_SETTINGS: tuple[type[Settings], ...] = (
    IngestorSettings,
    EmbedderSettings,
    RetrieverSettings,
    GeneratorSettings,
)


def in_foreground(
    folder: DataFolder, settings: StackSettings, environ: Mapping[str, str], *, log_only: bool
) -> None:
    """Run the real stack in this process until it is told to stop.

    Args:
        folder: its data.
        settings: its ports and models.
        environ: the user's own settings, for the workers.
        log_only: progress goes to the log and not to the terminal.

    Raises:
        SetupError: see stack.up.
    """
    folder.prepare()
    check_settings(environ)
    own = LocalStack(folder, settings, load(CommonSettings, environ))
    report = reporter(folder, log_only=log_only)

    def on_ready() -> None:
        report("everything is ready")
        if not log_only:
            render.say("\n".join([*view.lines(view.look(folder)), "", "Ctrl-C stops it."]))

    running = stack.Running(
        start_timeout_s=settings.start_timeout_s, report=report, on_ready=on_ready
    )
    stack.up(folder, own, running)


def check_settings(environ: Mapping[str, str]) -> None:
    """See that every worker will take its settings, before minutes are spent on other parts.

    Raises:
        SettingsError: one will not.
    """
    for kind in WORKERS_SETTINGS:
        load(kind, environ)


def in_background(folder: DataFolder) -> int:
    """Run the real stack in a session of its own; returns an exit code once that is known.

    Raises:
        DataFolderError: the folder cannot be written.
    """
    folder.prepare()
    code = detach.start(folder, detach.command(folder), lambda line: render.tell(_unstamped(line)))
    if not code:
        render.say("\n".join([*view.lines(view.look(folder)), "", "`ragstream down` stops it."]))
    return code


def _unstamped(line: str) -> str:
    """A line of the supervisor's log without its time, which who waits for it knows."""
    return _STAMP.sub("", line, count=1) if _STAMP.match(line) else line


def reporter(folder: DataFolder, *, log_only: bool) -> Report:
    """Takes lines for the supervisor's log and, unless `log_only`, for the terminal."""

    def report(line: str) -> None:
        with log_files.open_log(folder.log(SUPERVISOR)) as log:
            now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            log.write(f"{now} {line}\n".encode())
        if not log_only:
            render.tell(line)

    return report
