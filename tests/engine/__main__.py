"""What `make engine` runs, on the real default model in a real Triton; each prints a line of JSON.

python -m tests.engine joins [--seed S] [--requests N] [--rounds N]
"""

import argparse
import asyncio
import json
import random
import signal
import sys
from collections.abc import Mapping
from typing import Any

from shared.triton import Triton
from tests.engine import joins as joining
from tests.engine.alone import Model
from tests.engine.server import model_folder, running_generator

Outcome = tuple[Mapping[str, object], bool]


async def joins(given: Any) -> Outcome:
    """Let requests join at random steps; good when each says what it says alone."""
    rng = random.Random(given.seed)  # noqa: S311 - lengths and steps, no secret
    with running_generator() as ports:
        triton, model = Triton(ports.grpc_address), Model(model_folder())
        rounds = [
            await joining.join(
                triton, model, joining.requests(rng, given.requests, (10, 1500), (8, 64)), rng
            )
            for _ in range(given.rounds)
        ]
        await triton.close()
    gaps = [gap for one in rounds for gap in one.gaps]
    return {
        "requests": sum(one.requests for one in rounds),
        "tokens": sum(one.tokens for one in rounds),
        "differ": len(gaps),
        "gaps": gaps,
        "tie": joining.TIE,
        "seed": given.seed,
    }, all(one.good for one in rounds)


def main() -> int:
    """Run one of them; returns 1 when it is not good."""
    given = _read(sys.argv[1:])
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # or Triton would be left behind
    found, good = asyncio.run(given.act(given))
    sys.stdout.write(f"{json.dumps({'check': given.check, 'good': good} | dict(found))}\n")
    return 0 if good else 1


def _read(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.engine",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    checks = parser.add_subparsers(dest="check", required=True)
    one = checks.add_parser("joins", help=joins.__doc__)
    one.set_defaults(act=joins)
    one.add_argument("--requests", type=int, default=16)
    one.add_argument("--rounds", type=int, default=1)
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
