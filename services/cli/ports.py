"""Ports on loopback: free ones, and those that somebody asked for."""

import contextlib
import socket
from collections.abc import Mapping

import psutil

from shared.errors import PortInUse

HOST = "127.0.0.1"


def choose(wanted: Mapping[str, int]) -> dict[str, int]:
    """Give each name a port: the wanted one, or a free one for 0.

    Between this and the moment a part binds its port, another program may take it; the
    caller tries once more then.

    Args:
        wanted: port by name; 0 for any.

    Raises:
        PortInUse: a wanted port is taken. The message names it, and its holder where known.
    """
    with contextlib.ExitStack() as held:
        # All are held until all are chosen, or the system could give one twice. Wanted ones
        # come first, or a free one could be the wanted one of the next.
        ordered = sorted(wanted.items(), key=lambda item: item[1] == 0)
        chosen = {name: held.enter_context(_bind(name, port)) for name, port in ordered}
        return {name: found.getsockname()[1] for name, found in chosen.items()}


def is_taken(port: int) -> bool:
    """Whether some program listens on a port of loopback."""
    try:
        _socket(port).close()
    except OSError:
        return True
    return False


def holder(port: int) -> str:
    """The process that listens on a port, "" where the system does not tell."""
    with contextlib.suppress(psutil.Error):
        for found in psutil.net_connections("tcp"):
            listens = found.status == psutil.CONN_LISTEN and found.laddr
            if listens and listens.port == port and found.pid:
                return f"{psutil.Process(found.pid).name()}, process {found.pid}"
    return ""


def _bind(name: str, port: int) -> socket.socket:
    try:
        return _socket(port)
    except OSError as exc:
        by = holder(port)
        raise PortInUse(
            f"port {port} for {name} cannot be used: {exc.strerror}"
            f"{f' (held by {by})' if by else ''}; "
            f"stop that program, or choose another port with RAGSTREAM_STACK_{name.upper()}_PORT"
        ) from exc


def _socket(port: int) -> socket.socket:
    """A socket bound to the port; as servers do, it minds no connection that lingers."""
    bound = socket.socket()
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, port))
        # With SO_REUSEADDR alone, two sockets that do not listen may share a port.
        bound.listen(1)
    except OSError:
        bound.close()
        raise
    return bound
