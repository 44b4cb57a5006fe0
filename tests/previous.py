"""The workers of the previous release, packed from git: `python -m tests.previous v0.1.0`.

They lie in the repository and not in its history alone, so that a shallow clone or an archive of
the sources can run them, too.
"""

import io
import lzma
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKED = ROOT / "tests" / "data" / "previous.tar.xz"
# What `ragstream worker NAME` imports.
PARTS = ("cli", "embedder", "generator", "ingestor", "retriever")
PATHS = ("shared", "services/__init__.py", *(f"services/{part}" for part in PARTS))


def unpack(folder: Path) -> Path:
    """Lay the packages out in a folder, from which `python -m` runs them in place of today's."""
    with tarfile.open(PACKED) as archive:
        archive.extractall(folder, filter="data")
    return folder


def commit() -> str:
    """The commit that they are of, as git wrote it into the archive."""
    with tarfile.open(PACKED) as archive:
        return archive.pax_headers["comment"]


def contents(packed: bytes) -> dict[str, bytes]:
    """The files of an archive, by their paths."""
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        opened = {member.name: archive.extractfile(member) for member in archive.getmembers()}
        return {name: file.read() for name, file in opened.items() if file is not None}


def archived(release: str) -> bytes:
    """What git has of a release.

    Raises:
        subprocess.CalledProcessError: git does not know it; its words are in `stderr`.
    """
    argv = ["git", "archive", "--format=tar", release, *PATHS]
    return subprocess.run(argv, cwd=ROOT, check=True, capture_output=True).stdout  # noqa: S603 - our own command line


if __name__ == "__main__":
    PACKED.write_bytes(lzma.compress(archived(sys.argv[1]), preset=9 | lzma.PRESET_EXTREME))
