"""`python -m tests.chaos --queries N --faults N --seed S [--fsync everysec|always]`."""

import argparse
import asyncio
import json
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.chaos.campaign import Campaign, run


def main() -> int:
    """Run the suite; returns 1 when one of the three counts is not 0."""
    campaign = _read(sys.argv[1:])
    folder = Path(tempfile.mkdtemp(prefix="ragstream-chaos-"))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # or the servers would be left behind
    _say(f"seed {campaign.seed}")
    result = asyncio.run(run(campaign, folder, _say))
    counts = {
        "queries": campaign.queries,
        "faults": campaign.faults,
        "lost": result.lost,
        "answered_twice": result.answered_twice,
        "left_behind": result.left_behind,
        "seed": campaign.seed,
    }
    _say(json.dumps(counts))
    if result.good:  # otherwise the logs are wanted
        shutil.rmtree(folder)
    return 0 if result.good else 1


def _read(words: list[str]) -> Campaign:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None, help="default: a new one, printed")
    parser.add_argument("--fsync", choices=("everysec", "always"), default="everysec")
    given = parser.parse_args(words)
    seed = random.SystemRandom().getrandbits(32) if given.seed is None else given.seed
    return Campaign(queries=given.queries, faults=given.faults, seed=seed, fsync=given.fsync)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
