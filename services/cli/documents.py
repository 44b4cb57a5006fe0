"""Which files `ingest` sends, and under which ids."""

import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.errors import DocumentTooLarge, UnreadableDocument

READABLE = (
    *(".pdf", ".docx", ".epub", ".html", ".htm", ".xhtml", ".md", ".markdown", ".tex", ".txt"),
    *(".xml", ".jats", ".nxml", ".tei"),
)
SLUG_CHARS = 60
HASH_CHARS = 8

Notice = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Source:
    """A file on its way to becoming a document.

    Attributes:
        path: where it lies.
        document_id: the same for the same file and collection, each time.
    """

    path: Path
    document_id: str

    @property
    def shown(self) -> str:
        """For people."""
        return str(self.path)

    @property
    def name(self) -> str:
        """Its file name, as text that any stream can carry."""
        return os.fsencode(self.path.name).decode("utf-8", "replace")


def document_id(path: Path, collection: str) -> str:
    """Name a document: readable by its file's name, unique by collection and whole path."""
    whole = collection.encode() + b"\0" + os.fsencode(path.resolve())
    return f"{slug(path.stem)}-{hashlib.sha256(whole).hexdigest()[:HASH_CHARS]}"


def slug(name: str) -> str:
    """A name as an id may have it: a few words of ASCII letters and digits."""
    text = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", text).strip("-")[:SLUG_CHARS].strip("-") or "document"


def find(paths: Sequence[Path], collection: str, notice: Notice) -> list[Source]:
    """The files to ingest, each once, in a steady order.

    Args:
        paths: files, taken whatever their type; folders, walked for readable types.
        collection: part of each id.
        notice: told about what is left out on purpose.
    """
    found = {
        file.resolve(): Source(file, document_id(file, collection))
        for path in paths
        for file in (_walk(path, notice) if path.is_dir() else (path,))
    }
    return list(found.values())


def read(source: Source, limit_bytes: int) -> bytes:
    """A document's bytes; one that is too large is refused before it is read.

    Raises:
        DocumentTooLarge: it has more than `limit_bytes`.
        UnreadableDocument: the system refuses to read it.
    """
    try:
        return _bytes(source.path, limit_bytes)
    except OSError as exc:
        raise UnreadableDocument(f"cannot be read: {exc.strerror or exc}") from exc


def _bytes(path: Path, limit_bytes: int) -> bytes:
    """Read what is a regular file now, whatever it was when it was found."""
    _check_regular(path.stat())  # opening a device can do things, so that comes second
    with open(path, "rb", opener=_open_at_once) as file:
        state = os.fstat(file.fileno())
        _check_regular(state)
        data = b"" if state.st_size > limit_bytes else file.read(limit_bytes + 1)
    size = max(len(data), state.st_size)
    if size > limit_bytes:
        raise DocumentTooLarge(
            f"{size:,} bytes, and the limit is {limit_bytes:,} "
            "(RAGSTREAM_INGESTOR_MAX_DOCUMENT_BYTES)"
        )
    return data


def _check_regular(state: os.stat_result) -> None:
    if not stat.S_ISREG(state.st_mode):
        raise UnreadableDocument("cannot be read: it is a pipe, a device or a folder, no file")


def _open_at_once(name: str, flags: int) -> int:
    """Open without waiting, should a pipe have taken the file's place."""
    return os.open(name, flags | os.O_NONBLOCK)


def _walk(root: Path, notice: Notice) -> Iterator[Path]:
    inside = root.resolve()
    for folder, subfolders, files in os.walk(root, onerror=lambda exc: notice(f"skipped: {exc}")):
        for name in sorted(subfolders):
            _note_link(Path(folder, name), inside, notice)
        # Hidden folders hold what programs keep for themselves, such as .git and .venv.
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(files):
            file = Path(folder, name)
            if _is_wanted(file) and not _note_link(file, inside, notice):
                yield file


def _is_wanted(file: Path) -> bool:
    if file.suffix.lower() not in READABLE or file.name.startswith("."):
        return False
    try:
        return file.is_file()  # no pipe, device or socket
    except OSError:
        return True  # in a folder that may be listed, not entered: sending it says so


def _note_link(path: Path, inside: Path, notice: Notice) -> bool:
    """Whether a symbolic link leads out of the folder that was given; then it is said."""
    if not os.path.islink(path):  # noqa: PTH114 - Path.is_symlink raises where it may not look
        return False
    if path.resolve().is_relative_to(inside):
        return False
    notice(f"skipped {path}: it is a link that leads out of {inside}")
    return True
