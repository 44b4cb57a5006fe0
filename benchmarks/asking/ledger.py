"""What a comparison of pipelines has found so far, on disk after each step."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import click
import msgspec

from benchmarks import machine
from benchmarks.asking.figures import Run
from benchmarks.asking.growth import AmongChunks, Growth
from benchmarks.asking.idle import Idle
from benchmarks.asking.killing import Killed
from benchmarks.asking.results import Results
from benchmarks.machine import Machine
from services.model_builder.info import Precision

PACKAGES = ("ragstream", "faststream", "redis", "nvidia-pytriton", "onnxruntime", "tritonclient")


@dataclass(kw_only=True)
class Ledger:
    """What was asked for, and what was found so far."""

    quick: bool
    pair: Precision
    stream: bool
    file: Path | None
    runs: list[Run] = field(default_factory=list)
    wanted: Sequence[str]
    stages: Sequence[str] = ()
    idle: Idle | None = None
    sleeping: Idle | None = None
    killed: list[Killed] = field(default_factory=list)
    growth: list[Growth] = field(default_factory=list)
    chunks: list[AmongChunks] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)
    machine: Machine = field(default_factory=partial(machine.describe, PACKAGES))

    def take_up(self, earlier: Results) -> None:
        """Go on from what another run found."""
        self.runs += earlier.rounds
        self.idle, self.sleeping, self.killed = earlier.idle, earlier.sleeping, earlier.killed
        self.growth, self.chunks = earlier.growth, earlier.chunks

    def found(self) -> Results:
        """The file's content."""
        return Results.of(
            self.runs,
            quick=self.quick,
            pair=self.pair,
            streamed=self.stream,
            idle=self.idle,
            sleeping=self.sleeping,
            killed=self.killed,
            growth=self.growth,
            chunks=self.chunks,
            machine=self.machine,
            seconds=time.monotonic() - self.begun,
        )

    def keep(self, said: str) -> None:
        """Say what was found, and write the file."""
        click.echo(said)
        if self.file:
            encoded = msgspec.json.encode(self.found())
            self.file.write_bytes(msgspec.json.format(encoded, indent=2) + b"\n")
