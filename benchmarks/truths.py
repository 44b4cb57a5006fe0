"""The truths under `truth/`: which PDF each speaks of, and its sentences."""

from pathlib import Path

import msgspec

_FOLDER = Path(__file__).parent / "truth"


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """One PDF's sentences.

    Attributes:
        name: of the file, without its ending.
        package: of Debian, that carries the PDF.
        path: of the PDF, relative to the root of the file system.
        held_out: nobody looked at it while the reader was being improved.
        sentences: in the order of reading.
    """

    name: str
    package: str
    path: str
    held_out: bool
    sentences: list[str]


def load() -> list[Truth]:
    """Read them all, by name."""
    return [_read(path) for path in sorted(_FOLDER.glob("*.txt"))]


def _read(path: Path) -> Truth:
    lines = path.read_text("utf-8").splitlines()
    told = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# "))
    return Truth(
        name=path.stem,
        package=told["package"],
        path=told["path"],
        held_out=told["held_out"] == "yes",
        sentences=[line for line in lines if line and not line.startswith("#")],
    )
