"""Structured logs: one JSON object a line on stderr, safe to read in a terminal."""

import logging
import sys

import structlog

LONGEST = 500


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
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.getLogger("httpx").setLevel("WARNING")
    structlog.contextvars.bind_contextvars(part=part)


def shorten(text: str, longest: int = LONGEST) -> str:
    """Keep a log line readable: at most `longest` characters of somebody else's text."""
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text)} characters)"
