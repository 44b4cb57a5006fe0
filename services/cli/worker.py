"""`ragstream worker`: one worker in this process, as `up` and containers run it."""

import asyncio
import importlib

import click

from services.cli.part import WORKERS


@click.command
@click.argument("name", type=click.Choice(WORKERS), metavar="NAME")
def worker(name: str) -> None:
    """Run one worker in this process, until SIGTERM.

    NAME is ingestor, embedder, retriever or generator.

    `up` runs one of each; so does a container. It needs Redis and Triton, and waits for one that
    is away. Settings come from RAGSTREAM_… variables (docs/settings.md); its log, in JSON, goes to
    stdout.

    \b
    Examples:
      RAGSTREAM_REDIS_URL=redis://redis:6379/0 ragstream worker retriever
      RAGSTREAM_TRITON_URL=triton:8001 RAGSTREAM_HEALTH_PORT=8081 ragstream worker embedder

    \b
    Exit status: 0 stopped in order, 2 a setting is wrong, 7 Redis refuses the user, 8 Redis has no
    search module, 9 a model is missing in Triton.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    app = importlib.import_module(f"services.{name}.app")
    asyncio.run(app.run())
