"""Files out of Debian packages, fetched once with apt; nothing is installed."""

import shutil
import subprocess
from pathlib import Path

from shared.errors import SetupError

CACHE = Path(__file__).parents[1] / ".cache" / "debian"
_TIMEOUT_S = 600


def packaged(package: str, path: str) -> Path:
    """Fetch one file of a Debian package into the cache.

    Args:
        package: the package's name.
        path: the file's, relative to the root of the file system it would be installed to.

    Raises:
        SetupError: there is no apt, its archive cannot be reached, or this release's package has
            no such file.
    """
    unpacked = CACHE / package
    found = unpacked / path
    if not found.exists():
        _unpack(package, unpacked)
    if not found.exists():
        raise SetupError(f"this release's {package} has no {path}")
    return found


def _unpack(package: str, target: Path) -> None:
    """Download a package and unpack it."""
    for program in ("apt-get", "dpkg"):
        if shutil.which(program) is None:
            raise SetupError(f"{package} is fetched with {program}, which is not here")
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        _download(package)
        archive = next(CACHE.glob(f"{package}_*.deb"))
        _run("dpkg", "-x", str(archive), str(target))
    except (subprocess.SubprocessError, StopIteration) as exc:
        detail = getattr(exc, "stderr", None) or exc
        raise SetupError(f"{package} cannot be downloaded: {detail}") from exc
    archive.unlink()


def _download(package: str) -> None:
    """Fetch a package; where the system's lists do not know it, by new ones of our own.

    A fresh image has none, and only root may renew them.
    """
    try:
        _run("apt-get", "download", "--quiet", package)
    except subprocess.CalledProcessError:
        lists = CACHE / "lists"
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        own = ("-o", f"Dir::State::lists={lists}", "-o", f"Dir::Cache={CACHE / 'apt'}")
        _run("apt-get", *own, "--quiet", "update")
        _run("apt-get", *own, "--quiet", "download", package)


def _run(*command: str) -> None:
    """Run a command in the cache folder."""
    subprocess.run(  # noqa: S603 - fixed commands, and package names from this repository
        command, cwd=CACHE, check=True, capture_output=True, text=True, timeout=_TIMEOUT_S
    )
