"""Building is done once, what was altered is found, and a failed build breaks nothing."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from services.model_builder import recipes
from services.model_builder.build import BuiltModel, build, list_models, verify
from shared.errors import ModelBuildError
from tests import tiny_decoders, tiny_models

Rebuild = Callable[[], list[str]]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    tiny_models.write_own_embedder(tmp_path / "own-embedder")
    tiny_models.write_own_generator(tmp_path / "own-generator")
    return tiny_models.write_repository(tmp_path / "repository")


@pytest.fixture
def rebuild(repository: Path, tmp_path: Path) -> Rebuild:
    """Builds from the own folders and says what it reported."""

    def run() -> list[str]:
        said: list[str] = []
        embedder, generator = (str(tmp_path / f"own-{name}") for name in ("embedder", "generator"))
        cache = tmp_path / "cache"
        build(repository, cache, embedder=embedder, generator=generator, report=said.append)
        return said

    run()
    return run


def states(models: list[BuiltModel]) -> dict[str, str]:
    return {model.name: model.state for model in models}


def test_nothing_is_built_at_first(repository: Path) -> None:
    """Otherwise `list` would fail on a fresh checkout instead of saying so."""
    assert states(list_models(repository)) == {"embedder": "missing", "generator": "missing"}


def test_a_second_build_does_nothing(repository: Path, rebuild: Rebuild) -> None:
    """Otherwise every start of the stack would convert half a gigabyte."""
    before = {path: path.stat().st_mtime_ns for path in repository.rglob("1/*.onnx")}
    assert all("current" in line for line in rebuild())
    assert before == {path: path.stat().st_mtime_ns for path in repository.rglob("1/*.onnx")}


def test_models_are_described(repository: Path, rebuild: Rebuild) -> None:
    """Otherwise an operator could not tell what is served."""
    rebuild()
    embedder = list_models(repository)[0]
    assert embedder.current
    assert embedder.source.endswith("own-embedder")
    assert embedder.path == repository / "embedder" / "1"
    files = [path for path in embedder.path.iterdir() if path.suffix in {".json", ".onnx", ".data"}]
    built = [path for path in files if path.name != "manifest.json"]
    assert embedder.size_bytes == sum(path.stat().st_size for path in built)
    assert len(embedder.sha256) == 64


def test_an_id_is_of_the_weights(tmp_path: Path) -> None:
    """An index would be taken for another model's, or for the same after a change."""
    ids = []
    for number, seed in enumerate(("own", "own", "other")):
        folder = tiny_models.write_own_embedder(tmp_path / str(number) / seed)
        target = tmp_path / f"built-{number}"
        target.mkdir()
        recipes.embedder_recipe(str(folder)).write(target, tmp_path, print)
        ids.append(json.loads((target / "model.json").read_text())["id"])
    assert ids[0] == ids[1] != ids[2]
    assert ids[0].startswith("own-")


def test_the_next_embedder_comes_and_goes(
    repository: Path, rebuild: Rebuild, tmp_path: Path
) -> None:
    """A model could not be tried, or never be got rid of."""
    rebuild()
    cache = tmp_path / "cache"
    own = str(tmp_path / "own-embedder")
    built = build(repository, cache, embedder_next=own, report=print)
    assert states(built)["embedder_next"] == "current"
    assert states(build(repository, cache, report=print))["embedder_next"] == "current"
    assert "embedder_next" not in states(
        build(repository, cache, embedder_next="none", report=print)
    )
    int8 = recipes.next_embedder_recipe("int8")
    assert (int8.name, int8.kind, int8.precision) == ("embedder_next", "wheel", "int8")


def test_a_changed_byte_is_found_by_verify(repository: Path, rebuild: Rebuild) -> None:
    """Otherwise a damaged disk would serve wrong answers with a clean bill of health."""
    path = repository / "embedder" / "1" / "model.onnx.data"
    raw = bytearray(path.read_bytes())
    raw[7] ^= 1
    path.write_bytes(raw)
    assert states(list_models(repository))["embedder"] == "current"
    assert states(verify(repository)) == {"embedder": "altered", "generator": "current"}
    del rebuild


def test_a_lost_file_is_built_again(repository: Path, rebuild: Rebuild) -> None:
    """Otherwise a half-deleted model could only be repaired by hand."""
    (repository / "generator" / "1" / "tokenizer.json").unlink()
    assert states(list_models(repository))["generator"] == "altered"
    assert any(line.startswith("generator: built") for line in rebuild())
    assert states(verify(repository))["generator"] == "current"


def test_changed_weights_are_built_again(
    repository: Path, rebuild: Rebuild, tmp_path: Path
) -> None:
    """Otherwise a retrained model of one's own would never be served."""
    before = list_models(repository)[0].sha256
    path = tmp_path / "own-embedder" / "model.onnx.data"
    path.write_bytes(path.read_bytes()[::-1])
    assert any(line.startswith("embedder: built") for line in rebuild())
    assert list_models(repository)[0].sha256 != before


def test_ones_own_model_is_kept_until_the_default_is_asked_for(
    repository: Path, rebuild: Rebuild, tmp_path: Path
) -> None:
    """Otherwise the next start would replace a user's model with the built-in one."""
    rebuild()
    said: list[str] = []
    build(repository, tmp_path / "cache", report=said.append)
    assert all("kept" in line for line in said)


def lose(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5])


@pytest.mark.parametrize(
    ("name", "damage", "words"),
    [
        ("tokenizer.json", lose, "from folder own-generator is damaged: tokenizer.json is gone"),
        ("model.onnx.data", cut, "damaged: model.onnx.data has 5 bytes, not"),
        ("manifest.json", cut, "damaged: manifest.json cannot be read"),
    ],
)
def test_ones_own_model_that_is_damaged_is_not_replaced(
    repository: Path,
    rebuild: Rebuild,
    tmp_path: Path,
    name: str,
    damage: Callable[[Path], None],
    words: str,
) -> None:
    """The next start would serve the default model in its place, and nobody would know."""
    damage(repository / "generator" / "1" / name)
    with pytest.raises(ModelBuildError, match=re.escape(words)) as refused:
        build(repository, tmp_path / "cache", report=print)
    assert "--generator DIR" in str(refused.value)
    assert "--generator default" in str(refused.value)
    assert states(list_models(repository))["generator"] == "altered"
    rebuild()
    assert states(verify(repository))["generator"] == "current"


@pytest.fixture
def gguf(repository: Path, rebuild: Rebuild, tmp_path: Path) -> str:
    """A generator from a GGUF file, int8."""
    choice = f"gguf:{tiny_models.write_gguf(tmp_path / 'my-own.gguf')}"
    build(repository, tmp_path / "cache", generator=choice, precision="int8", report=print)
    del rebuild
    return choice


def test_a_gguf_file_of_ones_own_is_kept(repository: Path, gguf: str, tmp_path: Path) -> None:
    """The next start would go back to the built-in model, or to another precision."""
    model = list_models(repository)[1]
    assert (model.source, model.precision, model.state) == ("file my-own.gguf", "int8", "current")
    said: list[str] = []
    build(repository, tmp_path / "cache", report=said.append)
    assert "generator: kept, from file my-own.gguf" in said
    build(repository, tmp_path / "cache", generator=gguf, precision="int8", report=said.append)
    assert said[-1] == "generator: current, from file my-own.gguf"


def test_another_precision_is_built_anew(repository: Path, gguf: str, tmp_path: Path) -> None:
    """The setting would do nothing, and nobody would see it."""
    build(repository, tmp_path / "cache", generator=gguf, precision="int4", report=print)
    assert list_models(repository)[1].precision == "int4"


def test_another_precision_needs_the_weights(repository: Path, gguf: str, tmp_path: Path) -> None:
    """Weights of one's own are not kept: the built-in ones would have to stand in."""
    words = "built from file my-own.gguf: name it again with `--generator` to convert it to fp32"
    with pytest.raises(ModelBuildError, match=re.escape(words)):
        build(repository, tmp_path / "cache", precision="fp32", report=print)
    (repository / "generator" / "1" / "model.onnx").unlink()
    with pytest.raises(ModelBuildError, match="--generator gguf:FILE`, FILE being that file"):
        build(repository, tmp_path / "cache", report=print)
    assert list_models(repository)[1].state == "altered"
    del gguf


def test_a_graph_has_the_precision_it_has(
    repository: Path, rebuild: Rebuild, tmp_path: Path
) -> None:
    """A graph of float32 would be taken for one of int8."""
    own = str(tmp_path / "own-generator")
    with pytest.raises(ModelBuildError, match="holds no weights to convert to int8"):
        build(repository, tmp_path / "cache", generator=own, precision="int8", report=print)
    del rebuild


def test_a_hugging_face_folder_is_told_from_a_graph(
    repository: Path, rebuild: Rebuild, tmp_path: Path
) -> None:
    """A folder of weights would be refused for lack of a graph."""
    own = tiny_decoders.write_folder(tmp_path / "own-weights", tiny_decoders.DECODERS["llama"])
    build(repository, tmp_path / "cache", generator=str(own), precision="fp16", report=print)
    model = list_models(repository)[1]
    assert (model.source, model.precision) == ("folder own-weights", "fp16")
    del rebuild


def test_a_changed_pooling_is_built_again(
    repository: Path, rebuild: Rebuild, tmp_path: Path
) -> None:
    """Vectors would go on being made the old way."""
    (tmp_path / "own-embedder" / "1_Pooling").mkdir()
    pooling = tmp_path / "own-embedder" / "1_Pooling" / "config.json"
    pooling.write_text('{"pooling_mode_mean_tokens": true}')
    rebuild()
    pooling.write_text('{"pooling_mode_cls_token": true}')
    assert any(line.startswith("embedder: built") for line in rebuild())
    info = json.loads((repository / "embedder" / "1" / "model.json").read_text())
    assert info["pooling"] == "cls"


def test_a_folder_that_moved_is_not_built_again(
    repository: Path, rebuild: Rebuild, tmp_path: Path
) -> None:
    """The repository would hold a path of the machine that built it."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "own-embedder").rename(elsewhere / "own-embedder")
    said: list[str] = []
    own = str(elsewhere / "own-embedder")
    build(repository, tmp_path / "cache", embedder=own, report=said.append)
    assert said[0] == "embedder: current, from folder own-embedder"
    assert str(tmp_path) not in (repository / "embedder" / "1" / "manifest.json").read_text()
    del rebuild


@pytest.mark.parametrize("name", ["embedder", "generator"])
def test_a_cache_folder_that_cannot_be_made_is_said(
    repository: Path, tmp_path: Path, name: str
) -> None:
    """A typing mistake would end in a traceback."""
    (tmp_path / "file").touch()
    embedder, generator = ("default" if name == one else None for one in ("embedder", "generator"))
    cache = tmp_path / "file" / "cache"
    with pytest.raises(ModelBuildError, match=r"the cache folder cannot be made: .*file"):
        build(repository, cache, embedder=embedder, generator=generator, report=print)


def test_a_file_that_cannot_be_written_is_said(repository: Path, rebuild: Rebuild) -> None:
    """A repository of another user would end in a traceback."""
    (repository / "embedder" / "1" / ".lock").unlink()
    (repository / "embedder" / "1" / ".lock").mkdir()
    with pytest.raises(ModelBuildError, match=r"embedder cannot be built: .*\.lock"):
        rebuild()


def test_a_refused_folder_leaves_the_old_model(
    repository: Path, rebuild: Rebuild, tmp_path: Path
) -> None:
    """Otherwise a typing mistake would take the service down."""
    rebuild()
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelBuildError, match=r"holds no model\.onnx"):
        build(repository, tmp_path / "cache", embedder=str(tmp_path / "empty"), report=print)
    with pytest.raises(ModelBuildError, match="is not a folder"):
        build(repository, tmp_path / "cache", embedder=str(tmp_path / "gone"), report=print)
    assert states(verify(repository))["embedder"] == "current"
    assert not list((repository / "embedder" / "1").glob(".build-*"))


def test_a_wrong_repository_is_refused(tmp_path: Path) -> None:
    """Otherwise weights would be written where no Triton looks."""
    with pytest.raises(ModelBuildError, match="is no model repository"):
        build(tmp_path, tmp_path / "cache", report=print)


def test_a_reranker_is_there_only_when_one_is_named(repository: Path, rebuild: Rebuild) -> None:
    """Triton would be told to serve what nobody has, or a folder once named be lost."""
    rebuild()
    assert "reranker" not in states(list_models(repository))
    own = tiny_models.write_own_reranker(repository.parent / "own-reranker")
    cache = repository.parent / "cache"
    build(repository, cache, reranker=str(own), report=print)
    rebuild()
    assert states(list_models(repository))["reranker"] == "current"
    build(repository, cache, reranker="none", report=print)
    assert "reranker" not in states(verify(repository))
    assert not (repository / "reranker" / "1" / "model.onnx").exists()
