"""A stack with a real Redis and small parts in place of Triton and the workers.

`python -m tests.integration.toy_stack DIR` runs it as `ragstream up` runs the real one.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.cli import exits, probes, redis, stack
from services.cli.folder import DataFolder
from services.cli.keeper import Rhythm
from services.cli.part import Part, Plan
from services.cli.supervisor import Report
from shared.errors import RagstreamError

# Answers /readyz, has a child of its own as Triton has, and ends at SIGTERM.
SERVE = """
import http.server, subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], close_fds=False)
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
print("serving", flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Ready).serve_forever()
"""
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SERVE}"
DIES = "import sys; print('no model: the sky is too low'); sys.exit(9)"
NEVER_READY = "import time; time.sleep(600)"
FAST = Rhythm(poll_s=0.02, check_s=0.1, first_delay_s=0.05)


@dataclass(frozen=True)
class ToyStack:
    """Redis, then `model`, then `worker`; `broken` takes the worker's place if given."""

    folder: DataFolder
    broken: str = ""

    @property
    def wanted(self) -> dict[str, int]:
        return {"redis": 0, "model": 0, "worker": 0}

    def prepare(self, report: Report) -> None:
        report("nothing to prepare")

    def plan(self, ports: Mapping[str, int]) -> Plan:
        password = self.folder.make_password()
        url = redis.url(ports["redis"])
        argv = tuple(redis.command(self.folder.redis, ports["redis"], password=password))
        ready = probes.redis_ready(url, password)
        server = Part(name="redis", argv=argv, ready=ready, port=ports["redis"])
        parts = (_toy("model", ports["model"], SERVE),), (self._worker(ports["worker"]),)
        return Plan(stages=((server,), *parts), redis_url=url)

    def _worker(self, port: int) -> Part:
        return _toy("worker", port, self.broken or SERVE)


def _toy(name: str, port: int, code: str) -> Part:
    argv = (sys.executable, "-u", "-c", code, str(port))
    return Part(name=name, argv=argv, ready=probes.http_ready(port), port=port, grace_s=60)


def main(path: str, broken: str = "") -> int:
    """Run the toy stack until it is told to stop; returns the exit code."""
    folder = DataFolder.at(Path(path))

    def say(line: str) -> None:
        sys.stderr.write(f"{line}\n")

    running = stack.Running(
        start_timeout_s=5, report=say, on_ready=lambda: say("all ready"), rhythm=FAST
    )
    try:
        stack.up(folder, ToyStack(folder, broken), running)
    except RagstreamError as exc:
        say(f"error: {exc}")
        return exits.of_error(exc)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
