"""Text for a terminal. What others wrote is shown as text, never obeyed as control codes."""

import re
from collections.abc import Callable, Iterator

import click

from shared.messages import Answer, Citation, StageTiming

Echo = Callable[[str], None]

# Control characters but newline and tab, and the marks that turn the direction of text:
# both can make a terminal show, or do, something else than what is there. Halves of surrogate
# pairs, as file names may have, no terminal can be sent.
_TURNING = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNSAFE = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_TURNING}\ud800-\udfff]")
_BREAKING = re.compile("[\n\t\u2028\u2029]")
_COLOUR = re.compile("\x1b\\[[0-9;]*m")
_JSON_UNSAFE = re.compile(f"[\x7f-\x9f{_TURNING}\u2028\u2029]")
REPLACEMENT = "\ufffd"
STAGES = ("embedder", "retriever", "generator")


def safe(text: str) -> str:
    """The text with everything replaced that a terminal could obey."""
    return _UNSAFE.sub(REPLACEMENT, text)


def one_line(text: str) -> str:
    """The same for what must not begin a line of its own, such as a title or a file's name."""
    return _BREAKING.sub(REPLACEMENT, safe(text))


def uncoloured(text: str) -> str:
    """A log line without the colours that some programs write into files, too."""
    return _COLOUR.sub("", text)


def safe_json(encoded: bytes) -> str:
    """JSON with what a terminal could obey escaped: JSON itself lets some of it pass."""
    return _JSON_UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", encoded.decode())


def say(text: str) -> None:
    """Write a line to stdout."""
    click.echo(safe(text))


def tell(text: str) -> None:
    """Write a line to stderr, where progress and errors go."""
    click.echo(safe(text), err=True)


def answer_lines(answer: Answer, *, with_text: bool = True) -> Iterator[str]:
    """An answer as a person reads it."""
    if with_text and (answer.text or not answer.error):
        yield answer.text or f"({answer.status}: no text)"
    if answer.error:
        yield f"{answer.status}: {one_line(answer.error.message)} [{answer.error.code}]"
    if answer.citations:
        yield ""
        yield from (_citation(citation) for citation in answer.citations)
    yield ""
    yield _summary(answer)


def _citation(citation: Citation) -> str:
    places = [one_line(citation.title or citation.document_id)]
    if citation.page is not None:
        places.append(f"page {citation.page}")
    if citation.section:
        places.append(one_line(citation.section))
    quote = " ".join(citation.quote.split())
    return f'[{citation.marker}] {", ".join(places)}: "{quote}"'


def _summary(answer: Answer) -> str:
    """Status, support and timings in one line."""
    timings = answer.timings_ms
    known = sorted(timings, key=lambda name: STAGES.index(name) if name in STAGES else len(STAGES))
    stages = ", ".join(f"{name} {_took(timings[name])}" for name in known)
    words: list[str] = [answer.status]
    if answer.status == "answered":
        words.append(f"support {answer.support:.2f}")
    if answer.extracted:
        words.append("quoted from the passages")
    if timings:
        total_ms = sum(timing.queue + timing.work for timing in timings.values())
        words.append(f"{total_ms / 1000:.2f} s")
    return " · ".join(words) + (f" ({stages})" if stages else "")


def _took(timing: StageTiming) -> str:
    queued = f" after {timing.queue:.0f} ms in queue" if timing.queue >= 1 else ""
    return f"{timing.work:.0f} ms{queued}"


def duration(seconds: float) -> str:
    """Seconds as `12 s`, `3 min`, `5 h` or `2 d`."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
