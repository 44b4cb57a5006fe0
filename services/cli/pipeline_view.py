"""The pipeline, and one query's way through it, as `status` shows them. Pure."""

from collections.abc import Iterator

from services.cli.render import duration
from shared.stages import ConsumerView, PipelineView, StageView, Work
from shared.trail import MOST_ENTRIES
from shared.whereabouts import Whereabouts

# A worker asks for work about once a second, and busy ones say that they are.
QUIET_S = 60
SHOWN_IN_HAND = 10
_HEAD = ("stage", "entries", "lag", "pending", "oldest", "in/s", "out/s")
_ENDED = {
    "answered": "is answered",
    "abstained": "is answered: the documents don't tell",
    "failed": "failed",
    "cancelled": "was cancelled",
    "expired": "expired",
}


def lines(view: PipelineView) -> Iterator[str]:
    """A look at all streams."""
    yield f"streams of {view.namespace}"
    yield _row(_HEAD)
    for stage in view.stages:
        yield _row(_cells(stage))
        yield from _consumers(stage)


def _cells(stage: StageView) -> tuple[str, ...]:
    return (
        stage.name,
        str(stage.length),
        "?" if stage.lag is None else str(stage.lag),
        str(stage.pending),
        "" if stage.oldest_s is None else duration(stage.oldest_s),
        _rate(stage.added_per_s),
        _rate(stage.read_per_s),
    )


def _row(cells: tuple[str, ...]) -> str:
    name, *numbers = cells
    return (f"{name:14}" + "".join(f" {number:>8}" for number in numbers)).rstrip()


def _rate(per_s: float | None) -> str:
    return "" if per_s is None else f"{per_s:.1f}"


def _consumers(stage: StageView) -> Iterator[str]:
    quiet = [one for one in stage.consumers if not one.pending and one.idle_s > QUIET_S]
    for consumer in stage.consumers:
        if consumer not in quiet:
            yield from _consumer(consumer)
    if quiet:
        yield f"  {len(quiet)} more with nothing in hand, quiet for over {duration(QUIET_S)}"


def _consumer(consumer: ConsumerView) -> Iterator[str]:
    doing = f"{consumer.pending} in hand" if consumer.pending else "waits for work"
    yield (f"  {consumer.group} {consumer.name}: {doing}, heard of {duration(consumer.idle_s)} ago")
    shown = consumer.in_hand[:SHOWN_IN_HAND]
    yield from (f"    {_work(work)}" for work in shown)
    if consumer.pending > len(shown):
        yield f"    and {consumer.pending - len(shown)} more"


def _work(work: Work) -> str:
    about = work.subject or f"entry {work.entry_id}"
    return f"{about}  here for {duration(work.age_s)}, attempt {work.attempt}"


def whereabouts_lines(found: Whereabouts) -> Iterator[str]:
    """Where one query is."""
    since = duration(found.since_s or 0)
    match found.state:
        case "waiting":
            yield f"{found.query_id} waits in {found.stage} since {since}, {found.ahead} before it"
        case "in_hand":
            heard = duration(found.idle_s or 0)
            yield (
                f"{found.query_id} is in {found.stage} since {since}: attempt {found.attempt}, "
                f"in hand of {found.group} {found.consumer}, heard of {heard} ago"
            )
        case "dead":
            yield f"{found.query_id} is dead since {since}"
        case "unknown":
            yield f"no trace of {found.query_id}: never published, or finished too long ago"
        case ended:
            yield f"{found.query_id} {_ENDED[ended]}, {since} ago, attempt {found.attempt}"
    yield from _remarks(found)


def _remarks(found: Whereabouts) -> Iterator[str]:
    if found.error:
        yield f"{found.error.message} [{found.error.code}]"
    if found.dead_letter:
        yield f"see `ragstream dead show {found.dead_letter}`, and `dead redrive` to try again"
    if found.not_searched:
        streams = ", ".join(found.not_searched)
        yield f"only {MOST_ENTRIES:,} entries each were searched of {streams}: there are more"
