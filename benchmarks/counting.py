"""What counting costs a worker, an entry and a scrape: `python -m benchmarks.counting`.

One JSON object: microseconds of processor time, the best of several rounds.
"""

import json
import time
import timeit
from collections.abc import Callable

import click
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from shared.counting import Counting
from shared.messages import Answer, Query, StageTiming, Usage
from shared.metrics import Metrics
from shared.streams import Effect, Entry

_ROUNDS, _ENTRIES, _SCRAPES = 7, 2_000, 50
_STREAMS = ("rag:generate", "rag:generate:bulk")


def measure() -> dict[str, float]:
    """Microseconds for one entry that ends in an answer with an exemplar, and for one scrape."""
    metrics = Metrics("generator")
    metrics.announce(_STREAMS)
    counting, took = Counting(metrics), StageTiming(queue=12.5, work=840.0)
    entry = Entry(_STREAMS[0], "1700000000000-0")
    query = Query(question="Why?", traceparent=f"00-{'4b' * 16}-{'00' * 7}01-01")
    usage = Usage(prompt_tokens=900, completion_tokens=60)
    answer = Answer(query_id="q", status="answered", support=0.9, extracted=True, usage=usage)
    effects = [Effect("XADD", "rag:answers", answer=answer)]

    def one() -> None:
        with counting.in_flight(entry):
            counting.ended(entry, query, effects, None, 1, took)

    def scrape() -> None:
        generate_openmetrics(metrics.registry)

    return {
        "entry_us": _best_us(one, _ENTRIES),
        "scrape_us": _best_us(scrape, _SCRAPES),
        "scrape_bytes": len(generate_latest(metrics.registry)),
    }


def _best_us(act: Callable[[], None], count: int) -> float:
    rounds = timeit.repeat(act, timer=time.process_time, number=count, repeat=_ROUNDS)
    return round(min(rounds) / count * 1e6, 1)


if __name__ == "__main__":
    click.echo(json.dumps(measure()))
