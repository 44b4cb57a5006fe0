"""The `ragstream` command."""

import importlib
from importlib import metadata
from typing import Any, Final

import click

from services.cli import exits
from services.cli.session import Session, data_dir_option
from shared.errors import RagstreamError

# What only the extras bring: a worker's image does without.
_OPTIONAL = frozenset(
    ("gguf", "onnx", "onnxruntime", "psutil", "pytriton", "safetensors", "tokenizers")
)

# Each command's module and its line in `ragstream --help`, in the order in which a newcomer meets
# them. A module is loaded when its command is called: no command waits for another's libraries.
_COMMANDS: Final = {
    "up": ("stack_commands", "Start Redis, Triton and the workers on this machine."),
    "ingest": ("ingest", "Read documents, so that they can be asked about."),
    "ask": ("ask", "Ask a question and print the cited answer."),
    "batch": ("batch", "Ask a set of questions of every document."),
    "report": ("report", "Show a run of `batch` as an HTML page."),
    "compare": ("compare", "Compare runs of one question set."),
    "documents": ("document_commands", "List, show or remove documents."),
    "index": ("index_commands", "See which model the index is of, and rebuild it."),
    "status": ("status", "Show what runs, what waits, and where a query is."),
    "console": ("console", "Serve a page that shows the pipeline, live."),
    "logs": ("stack_commands", "Show the log of a part."),
    "cancel": ("cancel", "Take a question back."),
    "dead": ("dead_commands", "See, repeat or drop what could not be done."),
    "env": ("env", "Print the stack's address as shell variables."),
    "models": ("model_commands", "Build, list and verify the models."),
    "down": ("stack_commands", "Stop the stack."),
    "worker": ("worker", "Run one worker in this process."),
}


def load(name: str) -> click.Command:
    """The command of that name, from its module."""
    module, _ = _COMMANDS[name]
    command: click.Command = getattr(importlib.import_module(f"services.cli.{module}"), name)
    return command


class Ragstream(click.Group):
    """The group of all commands, and the one place where errors become exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as click calls it
        """In the order of the table."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Load the command that is called; click asks here for no other."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, load(name) if name and listed else None, rest

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


for command, (_, line) in _COMMANDS.items():
    cli.add_command(click.Command(command, short_help=line))  # its place; see resolve_command


def main() -> None:
    """Entry point of the installed command."""
    cli.main(prog_name="ragstream")


if __name__ == "__main__":
    main()
