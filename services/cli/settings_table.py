"""Every setting as one Markdown table, from the code: `python -m services.cli.settings_table`."""

from collections.abc import Iterator

import click
from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from services.cli.model_settings import ModelSetting, read_settings
from services.cli.remote import FetchSettings
from services.console.settings import ConsoleSettings
from services.embedder.settings import EmbedderSettings
from services.generator.settings import GeneratorSettings
from services.ingestor.settings import IngestorSettings
from services.retriever.settings import RetrieverSettings
from shared.settings import CommonSettings, Settings, StackSettings
from shared.triton import EMBEDDER, GENERATOR, GRADER, RERANKER

KINDS: dict[str, type[Settings]] = {
    "Shared by all workers and clients": CommonSettings,
    "Ingestor": IngestorSettings,
    "Embedder": EmbedderSettings,
    "Retriever": RetrieverSettings,
    "Generator": GeneratorSettings,
    "Local stack (`ragstream up`)": StackSettings,
    "Addresses (`ragstream ingest`)": FetchSettings,
    "Page of operators (`ragstream console`)": ConsoleSettings,
}
# Read inside Triton: a variable of the server's environment, not of a worker's.
MODELS = {
    "Embedder inside Triton": EMBEDDER,
    "Generator inside Triton": GENERATOR,
    "Grader inside Triton": GRADER,
    "Reranker inside Triton": RERANKER,
}
_COLUMNS = "| variable | default | bounds | what it does |\n|---|---|---|---|"
_HEAD = """# Settings

Environment variables, read once at start. An unknown `RAGSTREAM_…` name or a value out of its
bounds stops the process with a message that names it. Those of the models inside Triton belong into
the environment of Triton, to which `ragstream up` hands on its own. Written by
`python -m services.cli.settings_table > docs/settings.md`; a test keeps the two alike.
"""


def render() -> str:
    """The whole page."""
    workers = (line for item in KINDS.items() for line in _section(*item))
    models = (line for item in MODELS.items() for line in _model_section(*item))
    return "\n".join([_HEAD, *workers, *models])


def _section(title: str, kind: type[Settings]) -> Iterator[str]:
    yield f"## {title}\n"
    yield _COLUMNS
    for name, field in kind.model_fields.items():
        cells = (f"`{kind.prefix}{name.upper()}`", _default(field), _bounds(field))
        yield f"| {' | '.join(cells)} | {field.description} |"
    yield ""


def _model_section(title: str, model: str) -> Iterator[str]:
    yield f"## {title}\n"
    yield _COLUMNS
    for setting in read_settings(model):
        yield _model_row(setting)
    yield ""


def _model_row(setting: ModelSetting) -> str:
    bounds = f"at least {setting.least}, at most {setting.most}"
    return f"| `{setting.variable}` | `{setting.default}` | {bounds} | {setting.description} |"


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None or "Default:" in (field.description or ""):
        return ""  # depends on the machine; its description says how
    value = field.default
    shown = value.get_secret_value() if isinstance(value, SecretStr) else value
    return f"`{shown}`" if shown != "" else "empty"


def _bounds(field: FieldInfo) -> str:
    words = []
    for limit in field.metadata:
        match limit:
            case Ge(ge=least):
                words.append(f"at least {least}")
            case Le(le=most):
                words.append(f"at most {most}")
            case MinLen(min_length=least):
                words.append(f"at least {least} characters")
            case MaxLen(max_length=most):
                words.append(f"at most {most} characters")
            case _ if pattern := getattr(limit, "pattern", None):
                words.append(f"`{pattern}`".replace("|", "\\|"))
    if choices := getattr(field.annotation, "__args__", ()):
        words.append(", ".join(f"`{choice}`" for choice in choices))
    return ", ".join(words)


if __name__ == "__main__":
    click.echo(render())
