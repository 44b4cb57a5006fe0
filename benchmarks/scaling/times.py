"""How fast each part works and starts, as `benchmarks.scaling.measure` found it: plain data."""

from pathlib import Path

import msgspec

from benchmarks.machine import Machine
from benchmarks.places import ROOT

TIMES = ROOT / "benchmarks" / "results" / "stage_times.json"
COMMAND = "python -m benchmarks.scaling.measure --json benchmarks/results/stage_times.json"


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """How many entries a second one worker finishes while it has `in_hand` of them at once."""

    in_hand: int
    per_s: float


class PartTimes(msgspec.Struct, frozen=True, kw_only=True):
    """One part.

    Attributes:
        start_s: seconds from its process's begin until it is ready, of each start seen.
        levels: its speed, by entries in hand, ascending.
        spread: an entry's work over the mean entry's, of each entry looked at, ascending.
    """

    start_s: list[float]
    levels: list[Level]
    spread: list[float] = msgspec.field(default_factory=lambda: [1.0])

    @property
    def slowest_start_s(self) -> float:
        """What a plan may count on."""
        return max(self.start_s)


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """The file.

    Attributes:
        command: what measured it.
        question: what was asked, in words.
        document: what was read, in words.
        parts: `ingestor`, `embedder`, `retriever`, `generator`; the generator's speed is that of
            the one Triton behind it.
        triton_start_s: from the server's begin until its models are ready.
        models_s: copying the models and hashing every file, as the init container does.
        busy_others: cores that everything else on the machine used meanwhile.
        machine: where.
    """

    command: str
    question: str
    document: str
    parts: dict[str, PartTimes]
    triton_start_s: float
    models_s: float
    busy_others: float
    machine: Machine


def load(path: Path = TIMES) -> Times:
    """Read the file.

    Raises:
        OSError: it cannot be read.
        msgspec.DecodeError: it is no such file.
    """
    return msgspec.json.decode(path.read_bytes(), type=Times)


def save(found: Times, path: Path) -> None:
    """Write the file."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
