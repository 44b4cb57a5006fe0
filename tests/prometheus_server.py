"""A real Prometheus and promtool for tests: out of the Debian package, nothing is installed."""

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks import debian
from services.cli import ports
from shared.errors import SetupError
from tests.redis_server import stop

READY_WITHIN_S = 60.0
POLL_S = 0.1


def program(name: str) -> Path:
    """Find `prometheus` or `promtool`: on the path, else in the Debian package.

    Where neither is to be had, the test fails in CI; elsewhere it is skipped, with the reason.
    """
    if found := shutil.which(name):
        return Path(found)
    try:
        return debian.packaged("prometheus", f"usr/bin/{name}")
    except SetupError as exc:
        if os.environ.get("CI"):
            pytest.fail(f"CI checks this with a real {name}: {exc}")
        pytest.skip(str(exc))


def promtool(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run promtool."""
    argv = [str(program("promtool")), *map(str, words)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603 - our own command line


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus, at its address."""

    url: str

    def get(self, path: str, **parameters: str) -> Any:
        """What its API answers.

        Raises:
            urllib.error.HTTPError: it refuses, as a query that it cannot read.
        """
        words = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{words}", timeout=30) as reply:  # noqa: S310 - http, on loopback
            return json.load(reply)["data"]

    def query(self, expression: str) -> list[Any]:
        """Samples of an instant query."""
        found: list[Any] = self.get("query", query=expression)["result"]
        return found

    def wait(self, expression: str, within_s: float = READY_WITHIN_S) -> list[Any]:
        """Ask until there is a sample.

        Raises:
            AssertionError: there was none in time.
        """
        deadline = time.monotonic() + within_s
        while not (found := self.query(expression)):
            assert time.monotonic() < deadline, f"not within {within_s} s: {expression}"
            time.sleep(POLL_S)
        return found


@contextmanager
def running_prometheus(
    folder: Path,
    targets: Sequence[tuple[str, Mapping[str, str]]],
    *,
    rules: Mapping[str, Any],
    every: str = "1s",
) -> Iterator[Prometheus]:
    """Run Prometheus until the block ends.

    Args:
        folder: its data.
        targets: host:port and labels of each that it scrapes.
        rules: groups of rules, as a file of rules has them.
        every: how often it scrapes and evaluates.
    """
    configuration = {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [
            {
                "job_name": "ragstream",
                "static_configs": [
                    {"targets": [address], "labels": dict(labels)} for address, labels in targets
                ],
            }
        ],
    }
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules), "utf-8")
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(configuration), "utf-8")
    address = f"127.0.0.1:{ports.choose({'prometheus': 0})['prometheus']}"
    argv = [
        str(program("prometheus")),
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--enable-feature=exemplar-storage",
        "--log.level=warn",
    ]
    log = folder / "prometheus.log"
    with log.open("wb") as output:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output)  # noqa: S603 - our own command line
    try:
        _wait_ready(process, f"http://{address}/-/ready", log)
        yield Prometheus(f"http://{address}")
    finally:
        stop(process)


def _wait_ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - http, on loopback
                return
        except OSError as exc:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Prometheus did not start: {log.read_text()}") from exc
            time.sleep(POLL_S)
