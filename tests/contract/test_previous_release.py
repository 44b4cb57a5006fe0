"""The previous release, packed in the repository, reads what today's code writes."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests import previous
from tests.contract.test_messages import EDGE, GOLDEN, INNER

# Runs in the previous release's packages: reads a file of our bytes, prints how it reads them.
READ = """
import json, sys
import msgspec
from shared import messages as m

def read(kind, written):
    token = kind in ("started", "token", "finished")
    name = {"deadletter": "dead_letter"}.get(kind, "token_event" if token else kind)
    decode = getattr(m, "decode_" + name, None)
    return decode and decode(written.encode() if written[0] == "{" else bytes.fromhex(written))

found = {kind: read(kind, written) for kind, written in json.load(sys.stdin).items()}
print(msgspec.json.encode({"code": m.__file__, "messages": found}).decode())
"""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The previous release's packages."""
    return previous.unpack(tmp_path_factory.mktemp("previous"))


def read_there(release: Path, written: Mapping[str, str]) -> Any:
    argv = [sys.executable, "-c", READ]
    done = subprocess.run(  # noqa: S603 - our own code
        argv, cwd=release, input=json.dumps(written), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_previous_release_reads_what_we_write(release: Path) -> None:
    """In a rolling upgrade, or after going back, old workers would bury what new ones wrote."""
    found = read_there(release, {kind: written[-1] for kind, written in GOLDEN.items()})
    assert Path(found["code"]).is_relative_to(release), "today's code read its own bytes"
    ours = {type(message).__name__.lower(): message for message, _ in [*EDGE, *INNER]}
    known = {kind: read for kind, read in found["messages"].items() if read is not None}
    assert len(known) > len(ours) / 2
    for kind, read in known.items():
        assert within(read, msgspec.json.decode(msgspec.json.encode(ours[kind]))), kind


def within(read: object, written: object) -> bool:
    """Whether all that was read stands in what was written; that may have more fields."""
    if isinstance(read, dict) and isinstance(written, dict):
        return all(key in written and within(read[key], written[key]) for key in read)
    return read == written


def test_the_archive_is_what_git_has() -> None:
    """The test of upgrades would run something that was never released."""
    try:
        archived = previous.archived(previous.commit())
    except (OSError, subprocess.CalledProcessError) as exc:
        pytest.skip(f"the archive cannot be compared with git here: {exc}")
    assert previous.contents(previous.PACKED.read_bytes()) == previous.contents(archived)
