"""What `make engine` runs, on the real default model in a real Triton; each prints a line of JSON.

python -m tests.engine [--seed S] joins [--requests N] [--rounds N]
python -m tests.engine [--seed S] cancels [--cancelled N] [--others N]
python -m tests.engine [--seed S] flood [--requests N] [--questions N]
python -m tests.engine questions
python -m tests.engine [--seed S] prefill [--rounds N]
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
from typing import Any

from shared.triton import Triton
from tests.engine import cancels as cancelling
from tests.engine import flood as flooding
from tests.engine import joins as joining
from tests.engine import prefill as prefilling
from tests.engine import questions as asking
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


async def cancels(given: Any) -> Outcome:
    """Cancel at random; good when nothing is left behind and the others' answers are the same."""
    rng = random.Random(given.seed)  # noqa: S311 - who and when, no secret
    wanted = cancelling.wishes(rng, given.cancelled, given.others)
    with running_generator(cache_mib=cancelling.CACHE_MIB) as ports:
        triton, model = Triton(ports.grpc_address), Model(model_folder())
        found = await cancelling.cancel(triton, ports.metrics, model, wanted)
        whole = await cancelling.fill(triton, ports.metrics, rng)
        await triton.close()
    return {
        "cancelled_while_written": found.writing,
        "cancelled_before": found.before,
        "others": found.others,
        "differ": len(found.gaps),
        "gaps": found.gaps,
        "left": found.left,
        "filled_cache_tokens": whole,
        "seed": given.seed,
    }, found.good and found.writing + found.before == given.cancelled


async def flood(given: Any) -> Outcome:
    """Ask 1,000 at once; good when all are answered or refused, in the memory that is set."""
    rng = random.Random(given.seed)  # noqa: S311 - prompts, no secret
    with running_generator(
        cache_mib=flooding.CACHE_MIB, prefix_cache_mib=flooding.PREFIX_CACHE_MIB
    ) as ports:
        direct = await flooding.pour(ports, given.requests, rng)
    folder = Path(tempfile.mkdtemp(prefix="ragstream-engine-"))
    asked = await flooding.ask_workers(folder, given.questions)
    if asked.good:  # otherwise the logs are wanted
        shutil.rmtree(folder)
    return {
        "requests": given.requests,
        "answered": direct.answered,
        "unavailable": direct.unavailable,
        "otherwise": direct.otherwise,
        "left": direct.left,
        "memory_mib": {
            "before": direct.before_mib,
            "most": direct.most_mib,
            "cache": flooding.CACHE_MIB,
            "prefix_cache": flooding.PREFIX_CACHE_MIB,
            "allowance": flooding.ALLOWANCE_MIB,
        },
        "questions": given.questions,
        "workers_refused": asked.refused,
        "most_attempts": asked.most_attempts,
        "dead": asked.dead,
        "lost": asked.account.lost,
        "answered_twice": asked.account.answered_twice,
        "left_behind": asked.account.left_behind,
        "seed": given.seed,
    }, direct.good and asked.good


async def questions(_given: Any) -> Outcome:
    """Ask 28 questions to one document; good when the prefix cache at least halves prefilling."""
    reads = {}
    for name, settings in (("with", {}), ("without", {"prefix_cache_mib": 0})):
        with running_generator(**settings) as ports:
            triton = Triton(ports.grpc_address)
            reads[name] = await asking.read(triton, ports.metrics, asking.prompts())
            await triton.close()
    kept, plain = reads["with"], reads["without"]
    return {
        "questions": len(asking.QUESTIONS),
        "prompt_tokens": plain.asked,
        "prefilled_without": plain.prefilled,
        "prefilled_with": kept.prefilled,
        "found": kept.found,
        "share": round(kept.prefilled / plain.prefilled, 3),
        "answers_differ": sum(a != b for a, b in zip(kept.texts, plain.texts, strict=True)),
    }, kept.prefilled <= plain.prefilled / 2


async def prefill(given: Any) -> Outcome:
    """Prefill 4,000 tokens beside three writers; good when their gaps stay under 3x the usual."""
    rng = random.Random(given.seed)  # noqa: S311 - prompts, no secret
    with running_generator() as ports:
        triton = Triton(ports.grpc_address)
        await prefilling.measure(triton, rng)  # the engine learns its pace
        rounds = [await prefilling.measure(triton, rng) for _ in range(given.rounds)]
        await triton.close()
    found = prefilling.ratios(rounds)
    return {
        "rounds": [
            {
                "prompt_tokens": one.prompt_tokens,
                "ttft_s": round(one.ttft_s, 2),
                "usual_ms": _ms(one.usual),
                "meanwhile_ms": _ms(one.meanwhile),
            }
            for one in rounds
        ],
        "median_ratio_p50": round(found.p50_s, 2),
        "median_ratio_p95": round(found.p95_s, 2),
        "median_ratio_max": round(found.max_s, 2),
    }, max(found.p50_s, found.p95_s) < prefilling.MOST


def _ms(gaps: prefilling.Gaps) -> dict[str, float]:
    return {
        "p50": round(gaps.p50_s * 1000, 1),
        "p95": round(gaps.p95_s * 1000, 1),
        "max": round(gaps.max_s * 1000, 1),
    }


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
    one = checks.add_parser("cancels", help=cancels.__doc__)
    one.set_defaults(act=cancels)
    one.add_argument("--cancelled", type=int, default=100)
    one.add_argument("--others", type=int, default=40)
    one = checks.add_parser("flood", help=flood.__doc__)
    one.set_defaults(act=flood)
    one.add_argument("--requests", type=int, default=1000)
    one.add_argument("--questions", type=int, default=200)
    checks.add_parser("questions", help=questions.__doc__).set_defaults(act=questions)
    one = checks.add_parser("prefill", help=prefill.__doc__)
    one.set_defaults(act=prefill)
    one.add_argument("--rounds", type=int, default=3)
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
