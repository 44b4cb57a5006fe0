"""Real papers for tests: documents out of Debian packages, fetched once with apt."""

import shutil
import subprocess
from pathlib import Path

import pytest

CACHE = Path(__file__).parent.parent / ".cache" / "debian"
_DOCUMENTS = "usr/lib/R/site-library/vegan/doc"
_TIMEOUT_S = 120


def vegan_pdf(name: str = "diversity-vegan.pdf") -> Path:
    """Fetch a paper of the R package vegan; the default is set in two columns.

    Skips the test, with the reason, where there is no apt or its archive cannot be reached.
    """
    return packaged("r-cran-vegan", f"{_DOCUMENTS}/{name}")


def packaged(package: str, path: str) -> Path:
    """Fetch one file of a Debian package into the cache.

    Args:
        package: the package's name.
        path: the file's, relative to the root of the file system it would be installed to.
    """
    unpacked = CACHE / package
    found = unpacked / path
    if not found.exists():
        _unpack(package, unpacked)
    if not found.exists():
        pytest.skip(f"this release's {package} has no {path}")
    return found


def _unpack(package: str, target: Path) -> None:
    """Download a package and unpack it; nothing is installed."""
    for program in ("apt-get", "dpkg"):
        if shutil.which(program) is None:
            pytest.skip(f"real papers come from Debian packages, and there is no {program} here")
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        _run("apt-get", "download", "--quiet", package)
        archive = next(CACHE.glob(f"{package}_*.deb"))
        _run("dpkg", "-x", str(archive), str(target))
    except (subprocess.SubprocessError, StopIteration) as exc:
        detail = getattr(exc, "stderr", None) or exc
        pytest.skip(f"{package} cannot be downloaded: {detail}")
    archive.unlink()


def _run(*command: str) -> None:
    """Run a command in the cache folder."""
    subprocess.run(  # noqa: S603 - fixed commands, and package names from the tests
        command, cwd=CACHE, check=True, capture_output=True, text=True, timeout=_TIMEOUT_S
    )
