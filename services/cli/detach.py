"""`up --detach`: the same supervisor in a session of its own, watched until it is ready."""

import signal
import subprocess
import sys
from collections.abc import Callable, Sequence

from services.cli import logs, state
from services.cli.folder import DataFolder
from services.cli.part import SUPERVISOR


def command(folder: DataFolder) -> list[str]:
    """The command line of the supervisor that runs in the background."""
    main = [sys.executable, "-m", "services.cli.main"]
    return [*main, "up", "--data-dir", str(folder.path), "--log-only"]


def start(folder: DataFolder, argv: Sequence[str], echo: Callable[[str], None]) -> int:
    """Start a supervisor in the background and wait until its stack is ready.

    Args:
        folder: a prepared data folder.
        argv: the supervisor's command line; see `command`.
        echo: takes each line that it logs meanwhile, its error included.

    Returns:
        0 when the stack is ready; the supervisor's exit code, never 0, if it ended before that.
    """
    log = folder.log(SUPERVISOR)
    with logs.open_log(log) as file:
        begin = log.stat().st_size
        process = subprocess.Popen(  # noqa: S603 - our own command line
            argv,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        for line in logs.follow(log, begin, lambda: _is_starting(process, folder)):
            echo(line)
    except BaseException:  # whoever waited gave up: nothing half started stays behind
        process.send_signal(signal.SIGTERM)
        process.wait()
        raise
    code = process.poll()
    if code is None:
        process.returncode = 0  # let go on purpose: without this, Popen warns that it still runs
        return 0
    # 0 or a signal: it was told to stop while it started. Nothing runs then, either.
    return code if code > 0 else 1


def _is_starting(process: "subprocess.Popen[bytes]", folder: DataFolder) -> bool:
    if process.poll() is not None:
        return False
    found = state.read(folder.state)
    return not (found and found.pid == process.pid and found.phase == "ready")
