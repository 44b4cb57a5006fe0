"""The default generator's arithmetic agrees with transformers' float32, within stated bounds."""

from pathlib import Path

import pytest

from services.model_builder.info import Precision
from services.model_builder.recipes import BASE, generator_recipe
from tests.agreement import foretell, reference, text_ids
from tests.built_models import wheel_cache


@pytest.mark.parametrize(
    ("precision", "worse", "agreed"),
    [("fp32", 0.0001, 0.999), ("int8", 0.01, 0.94)],  # int8 measured: +0.2 %, 95.0 %
)
def test_a_precision_foretells_the_text_as_well(
    tmp_path: Path, precision: Precision, worse: float, agreed: float
) -> None:
    """A precision would cost more of the model than its table says."""
    generator_recipe(BASE, precision).write(tmp_path, wheel_cache(), print)
    known, found = reference(), foretell(tmp_path, text_ids(tmp_path))
    assert abs(found.perplexity / known.perplexity - 1) <= worse
    assert found.top1(known.likeliest) >= agreed
