"""TLS in front of a server that speaks none, as the wheel's Redis; certificates for one test."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path

import trustme

_BLOCK_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files of an authority, and of a server and a client that it signed."""

    folder: Path

    @property
    def authority(self) -> str:
        return str(self.folder / "ca.pem")

    @property
    def server(self) -> str:
        return str(self.folder / "server.pem")

    @property
    def client(self) -> str:
        return str(self.folder / "client.pem")


def make_certificates(folder: Path, *, host: str = "127.0.0.1") -> Certificates:
    """Make an authority, a certificate for `host` and one for a client; keys lie beside them."""
    folder.mkdir(exist_ok=True)
    made, authority = Certificates(folder), trustme.CA()
    authority.cert_pem.write_to_path(made.authority)
    for path, name in ((made.server, host), (made.client, "worker.test")):
        authority.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(path)
    return made


@asynccontextmanager
async def tls_before(
    port: int, certificates: Certificates, *, want_client: bool = False
) -> AsyncIterator[int]:
    """Speak TLS on a port of its own, and pass on what is said to `port`.

    Args:
        port: of the server behind it, on loopback.
        certificates: the server's, and the authority of its clients.
        want_client: refuse clients without a certificate.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificates.authority)
    context.load_cert_chain(certificates.server)
    context.verify_mode = ssl.CERT_REQUIRED if want_client else ssl.CERT_NONE

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            behind, before = await asyncio.open_connection("127.0.0.1", port)
            with closing(before):
                await asyncio.gather(_pass_on(reader, before), _pass_on(behind, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):  # either side may go at any time
        while data := await source.read(_BLOCK_BYTES):
            target.write(data)
            await target.drain()
    target.close()
