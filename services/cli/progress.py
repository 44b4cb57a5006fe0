"""Progress of a run on stderr: a bar on a terminal, else a line now and then."""

import sys
import time
from types import TracebackType
from typing import Any, Final, Self

import click

from services.cli import render
from services.cli.pace import Pace

_SAY_EVERY_S: Final = 30.0


class Progress:
    """How far a run is.

    Args:
        total: cells of the run.
        left: how many of them are not done.
        label: what is done to them.
    """

    def __init__(self, total: int, left: int, label: str = "asking") -> None:
        self._total = total
        self._pace = Pace(total, total - left, time.monotonic)
        self._said_s = time.monotonic()
        self._bar: Any = click.progressbar(
            length=total,
            label=label,
            show_eta=False,  # it would count what an earlier start did
            show_percent=True,
            item_show_func=lambda pace: str(pace or ""),
            file=sys.stderr,
        )

    def __enter__(self) -> Self:
        """Show it."""
        self._bar.__enter__()
        self._bar.update(self._pace.done, self._pace)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave it as it stands."""
        self._bar.__exit__(kind, error, trace)

    def left(self, count: int) -> None:
        """So many are left now."""
        done = self._total - count - self._pace.done
        self._pace.add(done)
        self._bar.update(done, self._pace)
        if not sys.stderr.isatty() and time.monotonic() - self._said_s >= _SAY_EVERY_S:
            self._said_s = time.monotonic()
            render.tell(str(self._pace))
