"""Builds, lists and verifies the models of a model repository."""

import errno
import fcntl
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.model_builder.info import Precision
from services.model_builder.manifest import (
    FILENAME,
    Manifest,
    State,
    read_manifest,
    records_of,
    write_manifest,
)
from services.model_builder.recipes import (
    Recipe,
    embedder_recipe,
    generator_recipe,
    grader_recipe,
    next_embedder_recipe,
    reranker_recipe,
)
from services.model_builder.sources import Report
from shared.errors import ModelBuildError

VERSION = "1"  # Triton's name for a model's version folder
DEFAULT = "default"  # asks for the built-in weights where None keeps what is there
RECIPES: dict[str, Callable[[str | None, Precision | None], Recipe]] = {
    "embedder": embedder_recipe,
    "generator": generator_recipe,
    "grader": grader_recipe,
    "reranker": reranker_recipe,
    "embedder_next": next_embedder_recipe,
}
# served where they are built: none is needed at first
OPTIONAL = frozenset({"embedder_next", "reranker"})
GRADER = "grader"
NONE = "none"  # asks for an optional model to be taken out


@dataclass(frozen=True, kw_only=True)
class BuiltModel:
    """A model of the repository as it is on disk.

    Attributes:
        name: the Triton model's name.
        source: where its weights come from; empty if it is missing.
        sha256: one hash over all its built files; empty if it is missing.
        size_bytes: of all built files together.
        path: the version folder.
        precision: of a model that was converted here; None for a graph of somebody else's.
        state: `current`; `outdated`, made from other weights or by older code; `altered`, some file
            is gone or not as it was built; `missing`, never built.
    """

    name: str
    source: str
    sha256: str
    size_bytes: int
    path: Path
    precision: Precision | None = None
    state: State

    @property
    def current(self) -> bool:
        """Whether it can be served as it is."""
        return self.state == "current"


def build(  # noqa: PLR0913 - one for each option of the command
    repository: Path,
    cache: Path,
    *,
    embedder: str | None = None,
    generator: str | None = None,
    reranker: str | None = None,
    embedder_next: str | None = None,
    precision: Precision | None = None,
    embedder_precision: Precision | None = None,
    report: Report,
) -> list[BuiltModel]:
    """Make all models current; does nothing for one that is.

    Args:
        repository: the model repository with each model's `config.pbtxt` and code.
        cache: where downloads are kept.
        embedder: a folder with an ONNX model of the user's own, `default` for the built-in weights,
            or None for whatever was chosen before (the built-in weights at first).
        generator: likewise; besides, `base` for the built-in weights without the reader's adapter,
            `gguf:FILE`, or a folder of Hugging Face's with safetensors.
        reranker: a folder with an ONNX cross-encoder, `none` to be without, or None for what was
            chosen before (none at first).
        embedder_next: the one that `ragstream index rebuild` changes to: as `embedder`, or a
            precision of the built-in weights, or `none`.
        precision: to convert the generator to; None for the one chosen before, or the default.
        embedder_precision: likewise for the embedder: fp32 or int8.
        report: told what is going on, a line at a time.

    Returns:
        The models, current.

    Raises:
        ModelBuildError: weights are missing, altered or of an unknown kind, a model of the user's
            own is damaged, or a folder cannot be written. What was built before stays as it was.
    """
    choices = {
        "embedder": embedder,
        "generator": generator,
        "grader": None,
        "reranker": reranker,
        "embedder_next": embedder_next,
    }
    precisions = {"embedder": embedder_precision, "generator": precision}
    with _said_clearly("the cache folder cannot be made"):
        cache.mkdir(parents=True, exist_ok=True)
    for name in _names(repository):
        choice = choices[name]
        folder, wanted = _version_folder(repository, name), precisions.get(name)
        if name in OPTIONAL and choice in (None, NONE) and not (folder / FILENAME).exists():
            continue
        if not (folder / "model.py").is_file():
            raise ModelBuildError(f"{repository} is no model repository: no {folder}/model.py")
        with _said_clearly(f"{name} cannot be built"), _locked(folder):
            if name in OPTIONAL and choice == NONE:
                _remove(folder, name, report)
            else:
                _build_one(folder, name, choice, wanted, cache, report)
    return list_models(repository)


def list_models(repository: Path) -> list[BuiltModel]:
    """What is built, by the manifests and the files' sizes; reads no weights.

    An optional model that was never built is left out.
    """
    return _present(repository, Manifest.is_whole)


def verify(repository: Path) -> list[BuiltModel]:
    """What is built, every file hashed anew."""
    return _present(repository, Manifest.is_unaltered)


def _names(repository: Path) -> list[str]:
    """The models to look after; a repository of somebody's own need not have the grader."""
    return [name for name in RECIPES if name != GRADER or (repository / name).is_dir()]


def _present(repository: Path, is_good: Callable[[Manifest, Path], bool]) -> list[BuiltModel]:
    found = (_look(repository, name, is_good) for name in _names(repository))
    return [one for one in found if one.name not in OPTIONAL or one.state != "missing"]


def _version_folder(repository: Path, name: str) -> Path:
    return repository / name / VERSION


def _look(repository: Path, name: str, is_good: Callable[[Manifest, Path], bool]) -> BuiltModel:
    folder = _version_folder(repository, name)
    manifest = read_manifest(folder)
    state: State
    if manifest is None:
        state = "altered" if (folder / FILENAME).exists() else "missing"
        return BuiltModel(name=name, source="", sha256="", size_bytes=0, path=folder, state=state)
    state = "current" if is_good(manifest, folder) else "altered"
    if state == "current" and not manifest.own:
        recipe = RECIPES[name](manifest.choice, manifest.precision)
        state = "current" if _was_made_by(manifest, recipe) else "outdated"
    return BuiltModel(
        name=name,
        source=manifest.source,
        sha256=manifest.sha256,
        size_bytes=manifest.size_bytes,
        path=folder,
        precision=manifest.precision,
        state=state,
    )


def _was_made_by(manifest: Manifest, recipe: Recipe) -> bool:
    made = (manifest.source, manifest.inputs, manifest.builder, manifest.precision)
    return made == (recipe.source, recipe.inputs, recipe.builder, recipe.precision)


def _build_one(
    folder: Path,
    name: str,
    choice: str | None,
    precision: Precision | None,
    cache: Path,
    report: Report,
) -> None:
    manifest = read_manifest(folder)
    if choice is None:
        _refuse_damaged(folder, name, manifest)
        if manifest and manifest.own:
            _refuse_another(manifest, precision)
            report(f"{name}: kept, from {manifest.source}")
            return
    whole = manifest is not None and manifest.is_whole(folder)
    if manifest and not manifest.own and choice is None:
        choice, precision = manifest.choice, precision or manifest.precision
    recipe = RECIPES[name](None if choice in (None, DEFAULT) else choice, precision)
    if manifest and whole and _was_made_by(manifest, recipe):
        report(f"{name}: current, from {recipe.source}")
        return
    _replace(folder, recipe, manifest, cache, report)


def _remove(folder: Path, name: str, report: Report) -> None:
    """Take an optional model's files out, the manifest first: half a model is none."""
    manifest = read_manifest(folder)
    (folder / FILENAME).unlink(missing_ok=True)
    for stale in manifest.outputs if manifest else ():
        (folder / stale).unlink(missing_ok=True)
    report(f"{name}: taken out")


def _option(name: str) -> str:
    """What the command calls a model."""
    return name.replace("_", "-")


def _refuse_another(manifest: Manifest, precision: Precision | None) -> None:
    """A user's own weights are not kept here, so their precision cannot be changed without them."""
    if precision not in (None, manifest.precision):
        raise ModelBuildError(
            f"the {manifest.name} was built from {manifest.source}: name it again with "
            f"`--{_option(manifest.name)}` to convert it to {precision}"
        )


def _refuse_damaged(folder: Path, name: str, manifest: Manifest | None) -> None:
    """Only the default can be made again from nothing: it must not stand in for a user's own."""
    if manifest is None and (folder / FILENAME).exists():
        damaged, lost = f"the {name} in {folder}", [f"{FILENAME} cannot be read"]
    elif manifest and manifest.own and (lost := manifest.damage(folder)):
        damaged = f"the {name} that was built from {manifest.source}"
    else:
        return
    file = manifest is not None and manifest.kind == "gguf"
    place = "gguf:FILE`, FILE being that file" if file else "DIR`, DIR being its folder"
    raise ModelBuildError(
        f"{damaged} is damaged: {', '.join(lost)}. Build it again with `ragstream models build "
        f"--{_option(name)} {place}, or go back to the built-in weights with `--{_option(name)} "
        "default`"
    )


def _replace(
    folder: Path, recipe: Recipe, old: Manifest | None, cache: Path, report: Report
) -> None:
    """Build beside the old files, then put the new ones in their place, the manifest last."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".build-") as scratch:
        staging = Path(scratch)
        recipe.write(staging, cache, report)
        manifest = Manifest(
            name=recipe.name,
            source=recipe.source,
            kind=recipe.kind,
            inputs=recipe.inputs,
            builder=recipe.builder,
            precision=recipe.precision,
            outputs=records_of(staging),
        )
        (folder / FILENAME).unlink(missing_ok=True)
        for stale in old.outputs if old else ():
            (folder / stale).unlink(missing_ok=True)
        for path in staging.iterdir():
            shutil.move(path, folder / path.name)
        write_manifest(folder, manifest)
    report(f"{recipe.name}: built {manifest.size_bytes / 1e6:.0f} MB in {folder}")


@contextmanager
def _said_clearly(what: str) -> Iterator[None]:
    """Folders that cannot be read or written are the user's to repair, not a fault of the code."""
    try:
        yield
    except OSError as exc:
        named = f"{exc.filename}: " if exc.filename else ""
        room = "; the default models want 1 GB" if exc.errno == errno.ENOSPC else ""
        raise ModelBuildError(f"{what}: {named}{exc.strerror or exc}{room}") from exc


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One build of a folder at a time; a second process waits for the first."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
