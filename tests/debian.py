"""Real papers for tests: documents out of Debian packages, fetched once with apt."""

from pathlib import Path

import pytest

from benchmarks import debian
from shared.errors import SetupError

_DOCUMENTS = "usr/lib/R/site-library/vegan/doc"


def vegan_pdf(name: str = "diversity-vegan.pdf") -> Path:
    """Fetch a paper of the R package vegan; the default is set in two columns.

    Skips the test, with the reason, where there is no apt or its archive cannot be reached.
    """
    return packaged("r-cran-vegan", f"{_DOCUMENTS}/{name}")


def packaged(package: str, path: str) -> Path:
    """Fetch one file of a Debian package into the cache, or skip the test as above."""
    try:
        return debian.packaged(package, path)
    except SetupError as exc:
        pytest.skip(str(exc))
