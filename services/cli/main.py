"""The `ragstream` command."""

import asyncio
import importlib
from importlib import metadata
from typing import Any

import click

from services.cli import exits
from services.cli.ask import ask
from services.cli.batch import batch
from services.cli.cancel import cancel
from services.cli.compare import compare
from services.cli.console import console
from services.cli.dead_commands import dead
from services.cli.document_commands import documents
from services.cli.env import env
from services.cli.index_commands import index
from services.cli.ingest import ingest
from services.cli.model_commands import models
from services.cli.part import WORKERS
from services.cli.report import report
from services.cli.session import Session, data_dir_option
from services.cli.stack_commands import down, logs, up
from services.cli.status import status
from shared.errors import RagstreamError

# What only the extras bring: a worker's image does without.
_OPTIONAL = frozenset(
    ("gguf", "onnx", "onnxruntime", "psutil", "pytriton", "safetensors", "tokenizers")
)


class Ragstream(click.Group):
    """The group of all commands, and the one place where errors become exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as click calls it
        """In the order in which a newcomer meets them."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; an error that is meant for a person comes without its traceback."""
        session = ctx.ensure_object(Session)
        try:
            return super().invoke(ctx)
        except RagstreamError as exc:
            session.fail(exc.code, str(exc), exits.of_error(exc))
        except ModuleNotFoundError as exc:
            if exc.name not in _OPTIONAL:
                raise
            missing = f"{exc.name} is not installed: pip install 'ragstream[local]'"
            session.fail("setup", missing, exits.OTHER)
        except KeyboardInterrupt:
            session.fail("interrupted", "interrupted", exits.INTERRUPTED)


def _version() -> str:
    try:
        return metadata.version("ragstream")
    except metadata.PackageNotFoundError:  # run from a checkout that was never installed
        return "0+unknown"


@click.group(cls=Ragstream, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(_version(), prog_name="ragstream")
@data_dir_option
def cli() -> None:
    """Ask questions about documents; get answers with their sources, as a stream.

    \b
    Examples:
      ragstream up --detach                        start everything on this machine
      ragstream ingest papers/                     read documents
      ragstream ask "Which data sets were used?"   get a cited answer
      ragstream batch questions.txt --per-document --out answers.csv
      ragstream index rebuild                      embed all of it by another model
      ragstream status --watch                     what runs, what waits, who works on what
      ragstream console                            the same as a page, live
      ragstream down                               stop it; what was read is kept

    The first `up` downloads up to 180 MB of weights and builds the models, in a minute or two.
    docs/tutorial.md takes ten minutes, to a paper of your own.

    With RAGSTREAM_REDIS_URL (and RAGSTREAM_REDIS_PASSWORD) set, `ingest`, `ask`, `batch`,
    `documents`, `index`, `status`, `console`, `cancel` and `dead` use that Redis in place of the
    local stack, and `index` the Triton of RAGSTREAM_TRITON_URL.

    \b
    Exit status: 0 done, 2 wrong usage or a wrong setting, 6 no stack runs, 7 Redis refuses the
    password, 24 Redis is away, 130 Ctrl-C; what else a command has is in its own --help.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are


@click.command(short_help="Run one worker in this process.")
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


for command in (
    *(up, ingest, ask, batch, report, compare, documents, index),
    *(status, console, logs, cancel, dead, env, models, down, worker),
):
    cli.add_command(command)


def main() -> None:
    """Entry point of the installed command."""
    cli.main(prog_name="ragstream")


if __name__ == "__main__":
    main()
