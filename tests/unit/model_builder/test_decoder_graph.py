"""A decoder's graph: the same bytes each time, the same scores in each way of running it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from decoder import Decoder
from gguf import GGMLQuantizationType, GGUFWriter
from rows import new_rows

from services.model_builder import decoder_graph
from services.model_builder.gguf_decoder import read_shape, unrotated
from services.model_builder.gguf_file import GgufFile
from services.model_builder.recipes import convert_gguf
from shared.errors import ModelBuildError
from tests import tiny_models

IDS = np.array([[5, 70, 9, 33, 120, 64, 7]])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "1").mkdir()
    convert_gguf(tiny_models.write_gguf(folder / "m.gguf"), folder / "1")
    return folder / "1"


def test_building_twice_gives_the_same_bytes(model: Path, tmp_path: Path) -> None:
    """Otherwise hashes in manifests would mean nothing."""
    convert_gguf(tiny_models.write_gguf(tmp_path / "m.gguf"), tmp_path)
    for name in ("model.onnx", "model.onnx.data", "tokenizer.json"):
        assert (tmp_path / name).read_bytes() == (model / name).read_bytes()


def test_chunks_give_the_scores_of_the_whole(model: Path) -> None:
    """Otherwise a chunked prefill would answer another question."""
    decoder = Decoder(model, threads=1)
    ids, rows = IDS[0].tolist(), new_rows(decoder, 2, 16)
    whole = rows.start(0, ids, 0).finish()[0]
    rows.start(1, ids[:3], 0).finish()
    rows.start(1, ids[3:6], 3).finish()
    np.testing.assert_allclose(rows.start(1, ids[6:], 6).finish()[0], whole, rtol=1e-4, atol=1e-5)


def test_a_decoder_cut_at_its_layers_says_the_same(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others' steps between the parts of a chunk would change it, or a cut would lose something."""
    monkeypatch.setattr(decoder_graph, "LAYERS_PER_GRAPH", 1)
    convert_gguf(tiny_models.write_gguf(tmp_path / "m.gguf"), tmp_path)
    cut, whole = (new_rows(Decoder(folder, threads=1), 2, 16) for folder in (tmp_path, model))
    ids = IDS[0].tolist()
    chunk = cut.start(1, ids, 0)
    assert chunk.parts_left == 2
    chunk.advance()
    cut.start(0, [9], 0).finish()
    cut.decode({0: 5}, {0: 1, 1: len(ids)})
    np.testing.assert_allclose(chunk.finish(), whole.start(1, ids, 0).finish(), rtol=1e-5)
    assert (tmp_path / "model.onnx.data").stat().st_size == (
        model / "model.onnx.data"
    ).stat().st_size


def test_runs_beside_each_other_say_what_they_say_alone(model: Path) -> None:
    """Runs at once would share what is one's own, or their sessions hold other weights."""
    decoder = Decoder(model, threads=2, runs_at_once=2)
    assert decoder.runs_at_once == 2
    rows, ids = new_rows(decoder, 3, 16), IDS[0].tolist()
    alone = rows.start(0, ids, 0).finish()
    step = rows.decode({0: 9}, {0: len(ids)})[0]

    def beside(_: int) -> None:
        scores = rows.start(1, ids, 0, alone=False).finish()
        np.testing.assert_allclose(scores, alone, rtol=1e-4, atol=1e-5)

    with ThreadPoolExecutor(1) as other:
        running = other.map(beside, range(200))
        for _ in range(200):
            scores = rows.decode({0: 9}, {0: len(ids)}, alone=False)[0]
            np.testing.assert_allclose(scores, step, rtol=1e-4, atol=1e-5)
        assert list(running) == [None] * 200


@pytest.mark.parametrize(("threads", "cache"), [(1, "shared"), (2, "growing")])
def test_one_run_at_a_time_where_more_bring_nothing(
    model: Path, tmp_path: Path, threads: int, cache: str
) -> None:
    """One core would get a second copy of the weights; a foreign graph, runs nobody tried."""
    for path in model.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    info = (model / "model.json").read_text()
    (tmp_path / "model.json").write_text(info.replace('"shared"', f'"{cache}"'))
    decoder = Decoder(tmp_path, threads, runs_at_once=2)
    assert decoder.runs_at_once == 1
    assert decoder.sessions(alone=False) is decoder.sessions(alone=True)


def test_a_shared_and_a_growing_cache_agree(model: Path, tmp_path: Path) -> None:
    """Otherwise a user's own export would be served by code that nobody tried."""
    for path in model.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    info = (model / "model.json").read_text()
    (tmp_path / "model.json").write_text(info.replace('"shared"', '"growing"'))
    scores = []
    for folder in (model, tmp_path):
        ids, rows = IDS[0].tolist(), new_rows(Decoder(folder, threads=1), 1, 16)
        rows.start(0, ids[:4], 0).finish()
        scores.append([rows.decode({0: ids[n]}, {0: n})[0] for n in (4, 5, 6)])
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-4, atol=1e-5)


def test_rows_are_put_back_into_the_original_order() -> None:
    """Otherwise rotary positions would turn the wrong pairs."""
    rows = np.arange(8, dtype=np.float32)[:, None]
    assert unrotated(rows, heads=2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_a_tensor_without_a_place_is_refused_by_name(tmp_path: Path) -> None:
    """Otherwise a norm or an expert would be dropped in silence."""
    path = tiny_models.write_gguf(tmp_path / "m.gguf", extra_tensor="blk.0.attn_q_norm.weight")
    with pytest.raises(ModelBuildError, match=r"such as blk\.0\.attn_q_norm\.weight"):
        convert_gguf(path, tmp_path)


def test_what_is_no_gguf_is_refused(tmp_path: Path) -> None:
    """Otherwise a wrong file would end in a traceback."""
    (tmp_path / "m.gguf").write_bytes(b"not a model" * 10)
    with pytest.raises(ModelBuildError, match="cannot be read as GGUF"):
        GgufFile(tmp_path / "m.gguf")


def test_missing_tensors_and_metadata_are_named(tmp_path: Path) -> None:
    """Otherwise nobody could tell which file is incomplete, or why."""
    writer = GGUFWriter(tmp_path / "m.gguf", "llama")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    gguf = GgufFile(tmp_path / "m.gguf")
    with pytest.raises(ModelBuildError, match=r"has no llama\.embedding_length"):
        read_shape(gguf)
    with pytest.raises(ModelBuildError, match="has no tensor x"):
        gguf.tensor("x")


def test_an_unknown_quantization_is_refused_by_name(tmp_path: Path) -> None:
    """Otherwise its bytes would be taken for numbers."""
    writer = GGUFWriter(tmp_path / "m.gguf", "llama")
    raw = np.zeros((1, 8), np.int32)
    writer.add_tensor("x", raw, raw_dtype=GGMLQuantizationType.I32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ModelBuildError, match="quantization I32 is not supported"):
        GgufFile(tmp_path / "m.gguf").tensor("x")
