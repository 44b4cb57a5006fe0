"""The trained grader becomes a graph that says the same as what was trained."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from grading import Grader
from safetensors.numpy import load_file, save_file

from services.model_builder import recipes
from services.model_builder.grader_weights import read_trained, write_trained
from services.model_builder.sources import sha256_of
from shared.errors import ModelBuildError
from tests import tiny_models
from tests.model_code import DATA


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "1").mkdir()
    weights, trained = tiny_models.write_grader(tmp_path / "weights")
    recipes.convert_grader(weights, tmp_path / "1", trained)
    return tmp_path / "1"


def test_building_twice_gives_the_same_bytes(model: Path, tmp_path: Path) -> None:
    """Otherwise hashes in manifests would mean nothing."""
    weights, trained = tiny_models.write_grader(tmp_path / "weights")
    recipes.convert_grader(weights, tmp_path, trained)
    for name in ("model.onnx", "model.onnx.data", "model.json"):
        assert (tmp_path / name).read_bytes() == (model / name).read_bytes()


@pytest.mark.parametrize("alone", [True, False], ids=["CPU", "GPU"])
def test_neighbours_in_a_batch_change_nothing(
    model: Path, monkeypatch: pytest.MonkeyPatch, *, alone: bool
) -> None:
    """Otherwise a text's grade would depend on what was graded beside it."""
    grader = Grader(model, threads=2, batch_tokens=64)
    monkeypatch.setattr(grader, "_alone", alone)
    questions, texts = ["a b", "b", "a a"], ["a b\nb", "b b a a\na\nb a", "a"]
    together = grader.grades(questions, texts)
    for question, text, grade in zip(questions, texts, together, strict=True):
        [single] = grader.grades([question], [text])
        assert grade.answer == pytest.approx(single.answer, abs=1e-5)
        np.testing.assert_allclose(grade.support, single.support, atol=1e-5)


def test_a_text_without_words_answers_nothing(model: Path) -> None:
    """An empty passage would pass for an answer, or spoil its batch."""
    grader = Grader(model, threads=1, batch_tokens=64)
    empty, full = grader.grades(["a", "a"], ["", "b\n\na"])
    assert empty.answer == 0.0
    assert np.isnan(empty.support).tolist() == [True]
    assert np.isnan(full.support).tolist() == [False, True, False]
    assert 0.0 < full.answer < 1.0


def test_grades_are_those_of_torch(model: Path) -> None:
    """The graph would be another model than the one that was trained."""
    reference = json.loads((DATA / "grades.json").read_text())["tiny"]
    grades = Grader(model, threads=1, batch_tokens=64).grades(
        [case["question"] for case in reference], [case["text"] for case in reference]
    )
    for case, grade in zip(reference, grades, strict=True):
        assert grade.answer == pytest.approx(case["answer"], abs=1e-5)
        np.testing.assert_allclose(grade.support, case["support"], atol=1e-5)


def test_rounded_weights_are_near(tmp_path: Path) -> None:
    """What is kept in eight bits would no longer be what was trained."""
    weight = np.random.default_rng(2).normal(size=(5, 40)).astype(np.float32)
    write_trained(tmp_path / "t", {"w": weight, "b": weight[0]})
    found = read_trained(tmp_path / "t")
    steps = np.abs(weight).max(axis=1, keepdims=True) / 127
    assert (np.abs(found["w"] - weight) <= steps / 2 + 1e-6).all()
    np.testing.assert_array_equal(found["b"], weight[0])


def test_other_weights_than_ours_are_refused(tmp_path: Path) -> None:
    """A half-pulled file would be served as if it were the grader."""
    weights, trained = tiny_models.write_grader(tmp_path)
    with pytest.raises(ModelBuildError, match="is not the expected file"):
        recipes.convert_grader(weights, tmp_path, replace(trained, sha256="0" * 64))


def test_a_missing_head_is_named(tmp_path: Path) -> None:
    """Weights of an older grader would end in a traceback."""
    weights, trained = tiny_models.write_grader(tmp_path)
    (tmp_path / "out").mkdir()
    stored = load_file(trained.path)
    save_file({name: stored[name] for name in stored if "answer" not in name}, trained.path)
    trained = replace(trained, sha256=sha256_of(trained.path))
    with pytest.raises(ModelBuildError, match=r"no tensor 'answer"):
        recipes.convert_grader(weights, tmp_path / "out", trained)
