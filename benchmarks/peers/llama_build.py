"""Builds llama.cpp's own server from the sources that llama-cpp-python's sdist carries.

The sdist is the one form of llama.cpp that every Python package index serves, and it holds the
whole tree, server included. It is compiled for this machine (GGML_NATIVE), without what a
measurement has no use for: TLS, the web page, tests.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.places import SET_UP
from services.model_builder.sources import Report, check_hash
from shared.errors import SetupError

PROJECT, VERSION = "llama-cpp-python", "0.3.36"
SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
SDIST = f"{PROJECT.replace('-', '_')}-{VERSION}.tar.gz"
OPTIONS = {
    "CMAKE_BUILD_TYPE": "Release",
    "GGML_NATIVE": "ON",
    "BUILD_SHARED_LIBS": "OFF",
    "LLAMA_OPENSSL": "OFF",
    "LLAMA_BUILD_TESTS": "OFF",
    "LLAMA_BUILD_EXAMPLES": "OFF",
    "LLAMA_BUILD_APP": "OFF",
    "LLAMA_BUILD_UI": "OFF",
    "LLAMA_USE_PREBUILT_UI": "OFF",
    # else cmake would take the number of commits of the repository that it is built in
    "LLAMA_BUILD_NUMBER": "0",
    "LLAMA_BUILD_COMMIT": f"{PROJECT}-{VERSION}",
}


def built_server(folder: Path) -> Path:
    """The server's program.

    Args:
        folder: as given to `build`.

    Raises:
        SetupError: it was not built; names the command.
    """
    program = _program(folder)
    if not program.is_file():
        raise SetupError(f"llama.cpp's server is not built ({program}): run `{SET_UP}`")
    return program


def build(folder: Path, report: Report) -> Path:
    """Download, check and compile; quick if that was done before.

    Args:
        folder: keeps sdist, sources and build; made if missing.
        report: told what is going on, a line at a time.

    Returns:
        The server's program.

    Raises:
        SetupError: no compiler, no download, or it does not compile.
        ModelBuildError: the sdist is not the expected file.
    """
    program = _program(folder)
    if not program.is_file():
        if shutil.which("c++") is None:
            raise SetupError("no C++ compiler; on Debian and Ubuntu: apt install g++")
        folder.mkdir(parents=True, exist_ok=True)
        sources = _unpacked(_downloaded(folder, report), folder / f"llama.cpp-{VERSION}")
        _compile(sources, program.parents[1], report)
    return program


def _program(folder: Path) -> Path:
    return folder / f"build-{VERSION}" / "bin" / "llama-server"


def _downloaded(folder: Path, report: Report) -> Path:
    """The sdist, fetched by pip through whatever index it is configured for."""
    sdist = folder / SDIST
    if not sdist.exists():
        report(f"downloading {PROJECT} {VERSION} (77 MB of sources)")
        wanted = folder / "wanted.txt"
        wanted.write_text(f"{PROJECT}=={VERSION} --hash=sha256:{SHA256}\n")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        # The build backend comes from locks/bench.txt: nothing unpinned is fetched beside it.
        pip += ["--no-binary", PROJECT, "--no-build-isolation", "--dest", str(folder)]
        _run([*pip, "--requirement", str(wanted)], folder / "download.log")
    check_hash(sdist, SHA256)
    return sdist


def _unpacked(sdist: Path, sources: Path) -> Path:
    """The sdist's llama.cpp alone, put in its place in one step."""
    if not sources.is_dir():
        inside = f"{sdist.name.removesuffix('.tar.gz')}/vendor/llama.cpp"
        with tempfile.TemporaryDirectory(dir=sources.parent) as scratch, tarfile.open(sdist) as tar:
            wanted = (one for one in tar if one.name.startswith(f"{inside}/"))
            tar.extractall(scratch, wanted, filter="data")
            (Path(scratch) / inside).rename(sources)
    return sources


def _compile(sources: Path, build_folder: Path, report: Report) -> None:
    report(f"compiling llama.cpp's server in {build_folder} (10 to 15 minutes on two cores)")
    definitions = [f"-D{name}={value}" for name, value in OPTIONS.items()]
    log = build_folder.parent / "compile.log"
    cmake = str(Path(sys.executable).with_name("cmake"))
    folders = ["-S", str(sources), "-B", str(build_folder)]
    _run([cmake, "-G", "Ninja", *folders, *definitions], log)
    jobs = str(len(os.sched_getaffinity(0)))
    wanted = ["--target", "llama-server", "--parallel", jobs]
    _run([cmake, "--build", str(build_folder), *wanted], log, report)


def _run(argv: Sequence[str], log: Path, report: Report | None = None) -> None:
    """Run a command, its words into a log; every 20th line is reported as progress."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    try:
        process = subprocess.Popen(  # noqa: S603 - our own command lines
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
    except FileNotFoundError as exc:
        raise SetupError(f"{argv[0]} is missing: run `{SET_UP}`") from exc
    with process, log.open("w") as output:
        for number, line in enumerate(process.stdout or ()):
            output.write(line)
            if report and number % 20 == 0:
                report(f"  {line.strip()[:100]}")
    if process.returncode != 0:
        end = "\n".join(log.read_text().splitlines()[-5:])
        raise SetupError(f"{' '.join(argv[:3])} … failed, see {log}:\n{end}")
