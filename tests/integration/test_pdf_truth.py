"""Real papers set in two columns, held against sentences that a person reads in them."""

import pytest

from benchmarks.pdf_readers import ours
from benchmarks.truths import Truth, load
from benchmarks.wholeness import measure
from tests.debian import packaged

SMALL = [truth for truth in load() if truth.package in ("r-cran-vegan", "r-cran-rcpp")]


@pytest.mark.parametrize("truth", SMALL, ids=[truth.name for truth in SMALL])
def test_sentences_come_out_whole_and_in_order(truth: Truth) -> None:
    """A change of the cleaning could tear real papers' sentences, and no made page shows it."""
    text = ours(packaged(truth.package, truth.path).read_bytes())
    share = measure(truth.sentences, text)
    assert share.ordered >= 0.97 * share.sentences, share
