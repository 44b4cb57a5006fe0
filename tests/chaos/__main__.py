"""What `make chaos` and the longer checks run: each ends with one line of JSON.

python -m tests.chaos [--queries N] [--faults N] [--seed S] [--fsync everysec|always]
python -m tests.chaos outage [--queries N] [--away-s S]
python -m tests.chaos [--seed S] lanes [--bulk N] [--asked N]
python -m tests.chaos memory [--first N] [--queries N]
python -m tests.chaos cluster [--queries N]
"""

import argparse
import asyncio
import json
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.chaos import cluster, lanes, memory, outage
from tests.chaos.campaign import Campaign, run
from tests.chaos.stack import chaos_stack

WITHIN_S: Final = 60.0  # all are answered so soon after Triton's return
_GROWTH: Final = 0.1  # share by which memory may differ
Outcome = tuple[Mapping[str, object], bool]


async def chaos(given: Any, folder: Path) -> Outcome:
    """Kill everything at random, then account; good when the three counts are 0."""
    campaign = Campaign(
        queries=given.queries, faults=given.faults, seed=given.seed, fsync=given.fsync
    )
    _say(f"seed {campaign.seed}")
    result = await run(campaign, folder, _say)
    return {
        "queries": campaign.queries,
        "faults": campaign.faults,
        "lost": result.lost,
        "answered_twice": result.answered_twice,
        "left_behind": result.left_behind,
        "seed": campaign.seed,
    }, result.good


async def away(given: Any, folder: Path) -> Outcome:
    """Take Triton away; good when no question suffers from it but by waiting."""
    async with chaos_stack(folder) as stack:
        result = await outage.endure(stack, given.queries, given.away_s, WITHIN_S)
    for note in result.account.notes:
        _say(note)
    return {
        "queries": given.queries,
        "away_s": given.away_s,
        "dead": result.dead,
        "lost": result.account.lost,
        "answered_twice": result.account.answered_twice,
        "left_behind": result.account.left_behind,
        "most_attempts": result.most_attempts,
        "answered_in_s": result.answered_in_s and round(result.answered_in_s, 1),
    }, result.kept(WITHIN_S)


async def overtake(given: Any, folder: Path) -> Outcome:
    """Ask beside a bulk run; good when a wait is under twice the idle one and one batch."""
    _say(f"seed {given.seed}")
    rng = random.Random(given.seed)  # noqa: S311 - pauses, no secret
    async with chaos_stack(folder, wired=False) as stack, stack.client() as client:
        found = await lanes.measure(stack, client, bulk=given.bulk, asked=given.asked, rng=rng)
    return {
        "bulk_in_flight": found.least_in_flight,
        "bulk_per_s": round(found.bulk_per_s, 1),
        "asked": given.asked,
        "batch_ms": _ms(found.batch_s),
        "idle_median_ms": _ms(found.idle.median_s),
        "median_ms": _ms(found.loaded.median_s),
        "median_limit_ms": _ms(found.limit_s(found.idle.median_s)),
        "idle_p95_ms": _ms(found.idle.p95_s),
        "p95_ms": _ms(found.loaded.p95_s),
        "p95_limit_ms": _ms(found.limit_s(found.idle.p95_s)),
        "seed": given.seed,
    }, found.kept


async def flood(given: Any, folder: Path) -> Outcome:
    """Answer very many questions; good when Redis's memory is what it was after few."""
    async with chaos_stack(folder, settings=memory.SETTINGS, wired=False) as stack:
        flood = memory.Flood(stack, _say)
        first, last = await flood.answer(given.first), await flood.answer(given.queries)
    growth = last.used_bytes / first.used_bytes - 1
    return {
        "answered_first": first.answered,
        "bytes_first": first.used_bytes,
        "keys_first": first.keys,
        "answered": last.answered,
        "bytes": last.used_bytes,
        "keys": last.keys,
        "growth": round(growth, 4),
    }, abs(growth) <= _GROWTH


async def spread(given: Any, folder: Path) -> Outcome:
    """Ask over a Redis Cluster; good when moved slots and a dead master cost no answer."""
    async with cluster.sharded(folder) as stack:
        found = await cluster.endure(stack, given.queries, _say)
    for note in found.account.notes:
        _say(note)
    return {
        "queries": given.queries,
        "answers": found.answers,
        "moved_keys": found.moved_keys,
        "lost": found.account.lost,
        "answered_twice": found.account.answered_twice,
        "left_behind": found.account.left_behind,
        "unheard": found.unheard,
        "astray": found.astray,
    }, found.good


def main() -> int:
    """Run one of them; returns 1 when it is not good."""
    given = _read(sys.argv[1:])
    folder = Path(tempfile.mkdtemp(prefix="ragstream-chaos-"))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # or the servers would be left behind
    found, good = asyncio.run(given.act(given, folder))
    _say(json.dumps(found))
    if good:  # otherwise the logs are wanted
        shutil.rmtree(folder)
    return 0 if good else 1


def _read(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(act=chaos, seed=random.SystemRandom().getrandbits(32))
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, help="default: a new one, printed")
    parser.add_argument("--fsync", choices=("everysec", "always"), default="everysec")
    more = parser.add_subparsers()
    one = more.add_parser("outage", help=away.__doc__)
    one.set_defaults(act=away)
    one.add_argument("--queries", type=int, default=500)
    one.add_argument("--away-s", type=float, default=180.0)
    one = more.add_parser("lanes", help=overtake.__doc__)
    one.set_defaults(act=overtake)
    one.add_argument("--bulk", type=int, default=10_000)
    one.add_argument("--asked", type=int, default=50)
    one = more.add_parser("memory", help=flood.__doc__)
    one.set_defaults(act=flood)
    one.add_argument("--first", type=int, default=10_000)
    one.add_argument("--queries", type=int, default=100_000)
    one = more.add_parser("cluster", help=spread.__doc__)
    one.set_defaults(act=spread)
    one.add_argument("--queries", type=int, default=5_000)
    return parser.parse_args(words)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


if __name__ == "__main__":
    sys.exit(main())
