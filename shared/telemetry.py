"""Structured logs: one JSON object a line on stderr, safe to read in a terminal.

Everything beyond printable ASCII is escaped, marks that turn the direction of text as well, and
every text is shortened: questions, ids and error messages are somebody else's words.
"""

import json
import logging
import math
import sys
from collections.abc import Mapping
from typing import Any

import structlog

LONGEST = 500
_LONGEST_TRACE = 8_000
_MOST_ITEMS = 50
_DEEPEST = 4
_MOST_BITS = 64  # of an integer: beyond, readers of JSON differ, and Python may refuse to write it


def configure(part: str, level: str) -> None:
    """Send this process's log lines to stderr as JSON, each naming its part.

    The standard library's loggers (FastStream, uvicorn) go the same way.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                bounded,
                structlog.processors.JSONRenderer(serializer=_json),
            ],
        )
    )
    logging.raiseExceptions = False  # a bad line of some library is dropped, not printed raw
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.getLogger("httpx").setLevel("WARNING")
    structlog.contextvars.bind_contextvars(part=part)


def bounded(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Make every value of a line one that JSON has, and short."""
    return {
        shorten(str(name)): shorten(str(value), _LONGEST_TRACE)
        if name == "exception"
        else _bounded(value, 0)
        for name, value in event.items()
    }


def _bounded(value: object, level: int) -> object:
    found = value
    match value:
        case int() if value.bit_length() > _MOST_BITS:
            found = shorten(f"{value:#x}")
        case float() if not math.isfinite(value):
            found = str(value)
        case None | int() | float():  # as they are, truth values, too
            pass
        case str():
            found = shorten(value)
        case Mapping() | list() | tuple() if level == _DEEPEST:
            found = "…"  # its repr could be as long and as deep as anything
        case Mapping():
            items = list(value.items())[:_MOST_ITEMS]
            found = {shorten(str(name)): _bounded(inner, level + 1) for name, inner in items}
        case list() | tuple():
            found = [_bounded(inner, level + 1) for inner in value[:_MOST_ITEMS]]
        case _:
            found = shorten(repr(value))
    return found


def _json(event: object, **options: Any) -> str:
    """Give JSON in ASCII; of the control characters JSON lets one pass, delete."""
    return json.dumps(event, **options).replace("\x7f", "\\u007f")


def shorten(text: str, longest: int = LONGEST) -> str:
    """Keep a log line readable: at most `longest` characters of somebody else's text."""
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text)} characters)"
