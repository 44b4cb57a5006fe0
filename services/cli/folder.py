"""The data folder: where each thing of the local stack lies, and who may read it."""

import contextlib
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from shared.errors import DataFolderError

OWNER_ONLY = 0o600
PASSWORD_BYTES = 32


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Paths below one data folder; `path` is absolute.

    Attributes:
        path: the folder itself, made with mode 0700.
    """

    path: Path

    @classmethod
    def at(cls, path: Path) -> "DataFolder":
        """The folder at a path that may be relative or not there yet."""
        return cls(Path(os.path.abspath(path.expanduser())))  # noqa: PTH100 - resolve() fails on loops

    @property
    def lock(self) -> Path:
        """Locked by the supervisor and by every process that it started."""
        return self.path / "lock"

    @property
    def state(self) -> Path:
        """What runs: see state.py."""
        return self.path / "state.json"

    @property
    def password(self) -> Path:
        """Redis's password, for its owner's eyes."""
        return self.path / "redis-password"

    @property
    def redis(self) -> Path:
        """Redis's configuration and data."""
        return self.path / "redis"

    @property
    def triton(self) -> Path:
        """Triton's copy of its python backend."""
        return self.path / "triton"

    @property
    def logs(self) -> Path:
        """One log file for each part."""
        return self.path / "logs"

    def log(self, part: str) -> Path:
        """The log file of a part."""
        return self.logs / f"{part}.log"

    def prepare(self) -> None:
        """Make the folder and try that it can be written.

        Raises:
            DataFolderError: it cannot be made or written, or is no folder.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.redis, self.triton, self.logs):
                folder.mkdir(mode=0o700, exist_ok=True)
            _try_to_write(self.path)
            # So that nobody commits a password with the checkout that they work in.
            (self.path / ".gitignore").write_text("*\n")
        except OSError as exc:
            raise DataFolderError(
                f"cannot write the data folder {self.path}: {exc.strerror or exc}; "
                "choose another with --data-dir or RAGSTREAM_STACK_DATA_DIR"
            ) from exc

    def read_password(self) -> str:
        """Redis's password, "" where none was made yet."""
        with contextlib.suppress(FileNotFoundError):
            return self.password.read_text().strip()
        return ""

    def make_password(self) -> str:
        """Redis's password, made at random the first time."""
        found = self.read_password()
        if not found:
            write_private(self.password, f"{secrets.token_urlsafe(PASSWORD_BYTES)}\n")
            return self.read_password()
        self.password.chmod(OWNER_ONLY)
        return found


def _try_to_write(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder) as probe:
        probe.write(b"x")


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step; at no moment can anyone but its owner read it.

    Raises:
        OSError: the folder cannot be written.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    number = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWNER_ONLY)
    try:
        with os.fdopen(number, "w") as file:
            file.write(text)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
