"""How to run the Triton server that the `nvidia-pytriton` wheel carries.

The wheel's own launcher is made for models that live in one Python process. Here the server runs
by itself, on a model repository, with the python backend beside it.
"""

import os
import shutil
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from importlib import metadata, util
from pathlib import Path

from shared.errors import SetupError
from shared.triton import EMBEDDER, GENERATOR, GRADER

MODELS = (EMBEDDER, GRADER, GENERATOR)
LOOPBACK = "127.0.0.1"
STUB = "triton_python_backend_stub"
STAMP = "prepared.txt"
FIRST_NUMPY_THAT_FAILS = 2
# What running inferences get when the server is told to stop. With a generation still streaming,
# this Triton may hang even after it: whoever stops it must be ready to kill it.
DRAIN_S = 20


def prepare(folder: Path) -> None:
    """Put the python backend, fit for this interpreter, into a folder; quick if it is there.

    Args:
        folder: the server's own, made if missing; `command` is given the same one.

    Raises:
        SetupError: the wheel is not installed, lacks a backend for this Python, or this numpy makes
            the backend return empty tensors.
    """
    _refuse_numpy_2()
    wheel = _wheel_folder()
    stamp = f"{metadata.version('nvidia-pytriton')} for Python {_python()} in {wheel}\n"
    if (folder / STAMP).is_file() and (folder / STAMP).read_text() == stamp:
        return
    stub = wheel / "python_backend_stubs" / _python() / STUB
    if not stub.is_file():
        raise SetupError(f"Triton's python backend does not support Python {_python()}")
    backend = stub_program(folder).parent
    shutil.rmtree(backend, ignore_errors=True)
    shutil.copytree(wheel / "backends" / "python", backend)
    _copy_program(stub, stub_program(folder))
    _copy_program(wheel / "bin" / "tritonserver", folder / "tritonserver")
    (folder / STAMP).write_text(stamp)


def stub_program(folder: Path) -> Path:
    """The program that runs each model's code in a process of its own, as its command line says.

    Args:
        folder: as given to `prepare`.
    """
    return folder / "backends" / "python" / STUB


def command(
    folder: Path,
    repository: Path,
    *,
    http_port: int,
    grpc_port: int,
    metrics_port: int,
    models: Sequence[str] = MODELS,
) -> tuple[list[str], dict[str, str]]:
    """What to run, and in which environment.

    The server listens on the loopback address alone, loads exactly the given models, says it is
    ready only when all of them are, and exits if one cannot be loaded.

    Args:
        folder: as given to `prepare`.
        repository: the model repository.
        http_port: TCP port; likewise the other two.
        grpc_port: see `http_port`.
        metrics_port: see `http_port`.
        models: names of the models to load.

    Returns:
        Arguments, the program first, and the whole environment.
    """
    program = [str(folder / "tritonserver")]
    options = {
        "model-repository": str(repository.resolve()),
        "backend-directory": str(folder / "backends"),
        "model-control-mode": "explicit",
        "strict-readiness": "true",
        "exit-on-error": "true",
        "exit-timeout-secs": str(DRAIN_S),
        "http-address": LOOPBACK,
        "http-port": str(http_port),
        "grpc-address": LOOPBACK,
        "grpc-port": str(grpc_port),
        "metrics-address": LOOPBACK,
        "metrics-port": str(metrics_port),
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    arguments += [f"--load-model={model}" for model in models]
    return program + arguments, _environment(os.environ)


def _environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """Make the backend's embedded Python the one that runs this, with its packages.

    The stub starts Python in isolated mode, which ignores PYTHONHOME and PYTHONPATH: it takes for
    its own the first `python3` on PATH, virtual environments included, and its library from
    LD_LIBRARY_PATH.
    """
    ours = {
        "PATH": [str(Path(sys.executable).parent)],
        "LD_LIBRARY_PATH": [
            str(_wheel_folder().parents[1] / "nvidia_pytriton.libs"),
            *_python_libraries(),
        ],
    }
    joined = {
        name: os.pathsep.join([*first, *filter(None, [inherited.get(name)])])
        for name, first in ours.items()
    }
    return {**inherited, **joined}


def _python_libraries() -> list[str]:
    """Folders with the shared library of this Python.

    Raises:
        SetupError: this Python was built without one, so nothing can embed it.
    """
    name, folder = (sysconfig.get_config_var(key) for key in ("INSTSONAME", "LIBDIR"))
    if not sysconfig.get_config_var("Py_ENABLE_SHARED"):
        raise SetupError(
            f"{sys.executable} was built without a shared library (--enable-shared), which "
            "Triton's python backend needs; use the system's Python or build one with it"
        )
    return [folder] if name and (Path(folder) / name).exists() else []


def _wheel_folder() -> Path:
    spec = util.find_spec("pytriton")
    if spec is None or spec.origin is None:
        raise SetupError("Triton is not installed: pip install 'ragstream[local]'")
    return Path(spec.origin).parent / "tritonserver"


def _refuse_numpy_2() -> None:
    version = metadata.version("numpy")
    if int(version.split(".")[0]) >= FIRST_NUMPY_THAT_FAILS:
        raise SetupError(f"numpy {version} makes Triton return empty tensors: install 'numpy<2'")


def _python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _copy_program(source: Path, target: Path) -> None:
    """Copy a program and let it run: installers of wheels may drop the run bit."""
    target.unlink(missing_ok=True)  # overwriting a running program fails; replacing it does not
    shutil.copyfile(source, target)
    target.chmod(0o755)
