"""The journal of a run: one JSON line for each thing that happened, on the disk before the next.

It lies beside the file that the run's answers go to, and is all that a run needs to go on.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from services.cli.runs import Line, Run
from shared.errors import RunError

SUFFIX: Final = ".run.jsonl"
_decode = msgspec.json.Decoder(Line).decode
_encode_lines = msgspec.json.Encoder().encode_lines


def beside(out: Path) -> Path:
    """Where the journal of the run lies whose answers go to `out`."""
    return out.with_name(out.name + SUFFIX)


def load(path: Path) -> Run:
    """Read a run, which may still be under way.

    Args:
        path: the journal, or the file that its answers go to.

    Raises:
        RunError: there is none, or it is damaged.
    """
    journal = path if path.name.endswith(SUFFIX) else beside(path)
    try:
        lines, _ = parse(journal.read_bytes(), journal)
    except OSError as exc:
        raise RunError(
            f"no run there: {journal} cannot be read: {exc.strerror or exc}; a run is named by "
            "what `ragstream batch` got as --out"
        ) from exc
    if (run := Run.of(lines)) is None:
        raise RunError(f"{journal} is no journal of a run")
    return run


def parse(data: bytes, path: Path) -> tuple[list[Line], int]:
    """Lines of a journal, and how many bytes they take: a crash may have cut the last one off.

    Raises:
        RunError: a line before the last is no line of a journal.
    """
    whole = data.rfind(b"\n") + 1
    lines = data[:whole].split(b"\n")[:-1]
    try:
        return [_decode(line) for line in lines], whole
    except msgspec.DecodeError as exc:
        raise RunError(f"{path} is damaged, or no journal of a run: {exc}") from exc


class Journal:
    """A journal that is open and ours alone.

    Args:
        path: named in errors.
        file: open for reading and appending.

    Attributes:
        lines: those that were there when it was opened.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._file = file
        self.lines, whole = parse(file.read(), path)
        file.truncate(whole)

    def append(self, lines: Sequence[Line]) -> None:
        """Add lines; they outlast a power cut once this returns.

        Raises:
            RunError: the disk does not take them.
        """
        try:
            self._file.write(_encode_lines(lines))
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as exc:
            raise RunError(f"the run's journal cannot be written: {exc.strerror or exc}") from exc


@contextmanager
def opened(path: Path) -> Iterator[Journal]:
    """Open a journal, or begin one, for the time of the block.

    Raises:
        RunError: another process works on it, it is damaged, or it cannot be written.
    """
    try:
        file = path.open("a+b")
    except OSError as exc:
        raise RunError(f"{path} cannot be written: {exc.strerror or exc}") from exc
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(f"another `ragstream batch` works on {path}") from None
        sync_folder(path.parent)
        file.seek(0)
        yield Journal(path, file)


def replace(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file in one step: nobody ever sees half of it, a power cut included.

    Raises:
        RunError: it cannot be written.
    """
    beside_it = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside_it.open("wb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        beside_it.replace(path)
        sync_folder(path.parent)
    except OSError as exc:
        raise RunError(f"{path} cannot be written: {exc.strerror or exc}") from exc
    finally:
        beside_it.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Bring a folder's new names to the disk."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
