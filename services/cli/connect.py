"""Where a command finds Redis: in the environment, or in the stack of the data folder."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.cli import state
from services.cli.folder import DataFolder
from shared.errors import StackNotRunning
from shared.spans import Tracer

URL = "RAGSTREAM_REDIS_URL"
PASSWORD = "RAGSTREAM_REDIS_PASSWORD"  # noqa: S105 - a variable's name
NAMESPACE = "RAGSTREAM_NAMESPACE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """What a client needs; the password stays out of every representation.

    Attributes:
        redis_url: where Redis is.
        password: of its user, if the URL has none.
        namespace: first part of every key.
        triton_url: where Triton's gRPC is.
        tracer: shows what the client does; None where no collector is named.
    """

    redis_url: str = field(repr=False)  # may hold the password, TLS files, a sentinel's password
    password: str = field(repr=False)
    namespace: str
    triton_url: str = ""
    tracer: Tracer | None = None


def find(folder: DataFolder, environ: Mapping[str, str]) -> Address:
    """Find Redis: RAGSTREAM_REDIS_URL wins over the stack of the data folder.

    Raises:
        StackNotRunning: neither is there, or the stack is not ready yet.
        SettingsError: a RAGSTREAM_… variable is unknown or malformed.
    """
    from shared import tracing  # noqa: PLC0415 - `env` and `logs` start without a log's library
    from shared.redis_url import url_from  # noqa: PLC0415 - they start without Redis's client, too
    from shared.settings import CommonSettings, load  # noqa: PLC0415 - and `--help` without pydantic

    common = load(CommonSettings, environ)
    tracer = tracing.opened("client", common)
    if URL in environ:
        return Address(
            redis_url=url_from(common),
            password="",
            namespace=common.namespace,
            triton_url=common.triton_url,
            tracer=tracer,
        )
    local = running(folder)
    return Address(
        redis_url=local.redis_url,
        password=folder.read_password(),
        namespace=common.namespace if NAMESPACE in environ else local.namespace,
        triton_url=local.triton_url,
        tracer=tracer,
    )


def running(folder: DataFolder) -> state.StackState:
    """The stack of the data folder.

    Raises:
        StackNotRunning: there is none, or it is not ready yet.
    """
    found = state.read(folder.state)
    if found is None or not _exists(found.pid):
        raise StackNotRunning(
            f"no stack runs on {folder.path}: start one with `ragstream up --detach`, "
            "choose another with --data-dir, or set RAGSTREAM_REDIS_URL"
        )
    if found.phase != "ready":
        raise StackNotRunning(
            f"the stack on {folder.path} is {found.phase}: watch it with `ragstream status`"
        )
    return found


def _exists(pid: int) -> bool:
    """Whether some process has the number: a worker's image has no psutil to say which."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
