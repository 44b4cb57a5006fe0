"""Documents behind https, from a server of the test's own."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from services.cli import remote
from services.cli.remote import RemoteSource
from shared.errors import DocumentTooLarge, UnreadableDocument
from tests.triton_server import free_ports


@pytest.fixture
async def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """An https server whose certificate this process trusts."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    [port] = free_ports(1)
    app = web.Application()
    app.router.add_get("/paper.txt", _paper)
    app.router.add_get("/moved.txt", _moved)
    app.router.add_get("/plain.txt", _to_http)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "localhost", port, ssl_context=context).start()
    yield f"https://localhost:{port}"
    await runner.cleanup()


async def _paper(_request: web.Request) -> web.Response:
    return web.Response(body=b"Oaks are tall. " * 1_000)


async def _moved(_request: web.Request) -> web.Response:
    raise web.HTTPFound("/paper.txt")


async def _to_http(_request: web.Request) -> web.Response:
    raise web.HTTPFound("http://localhost:9/paper.txt")


def fetch(url: str, limit_bytes: int = 100_000, *, anywhere: bool = True) -> bytes:
    source = RemoteSource(url, "id")
    if not anywhere:
        return remote.fetch(source, limit_bytes)
    return remote.fetch(source, limit_bytes, allowed=lambda _address: True)


async def test_a_document_comes_whole_after_a_redirect_too(base: str) -> None:
    """A paper behind a DOI could not be read."""
    for name in ("paper.txt", "moved.txt"):
        assert len(await asyncio.to_thread(fetch, f"{base}/{name}")) == 15_000


async def test_one_that_is_too_large_is_left(base: str) -> None:
    """An endless answer would fill the memory."""
    with pytest.raises(DocumentTooLarge, match="more than 14,999 bytes"):
        await asyncio.to_thread(fetch, f"{base}/paper.txt", 14_999)


@pytest.mark.parametrize(
    ("name", "says"), [("gone.txt", "404"), ("plain.txt", "is not https")]
)
async def test_what_cannot_be_had_is_said(base: str, name: str, says: str) -> None:
    """A page of an error would become a document, or a redirect lead to plain http."""
    with pytest.raises(UnreadableDocument, match=says):
        await asyncio.to_thread(fetch, f"{base}/{name}")


async def test_a_private_address_is_not_connected_to(base: str) -> None:
    """Whoever can hand in an address could read what only this machine may."""
    with pytest.raises(UnreadableDocument, match="private address"):
        await asyncio.to_thread(lambda: fetch(f"{base}/paper.txt", anywhere=False))
