"""Documents behind addresses: found and fetched through fsspec, where a setting allows it.

Whoever can hand in an address could make this machine ask its neighbours. So a scheme must be
allowed, and https connects to public addresses alone, after a redirect, too.
"""

import errno
import hashlib
import ipaddress
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from pydantic import Field

from services.cli import documents
from shared.errors import DocumentTooLarge, SettingsError, SetupError, UnreadableDocument
from shared.settings import PREFIX, Settings

_ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
_EXTRAS = {"https": "remote", "s3": "s3", "gs": "gs"}
_TIMEOUT_S = 60.0


class FetchSettings(Settings):
    """Which addresses `ragstream ingest` may fetch."""

    prefix: ClassVar[str] = f"{PREFIX}FETCH_"

    schemes: str = Field(
        "",
        pattern=r"^$|^(https|s3|gs)(,(https|s3|gs))*$",
        description="Schemes of addresses that may be fetched, such as `https,s3`; none if empty.",
    )


@dataclass(frozen=True, slots=True)
class RemoteSource:
    """A document behind an address.

    Attributes:
        url: its address.
        document_id: the same for the same address and collection, each time.
    """

    url: str
    document_id: str

    @property
    def name(self) -> str:
        """The last part of the path, whose ending tells the type."""
        return unquote(PurePosixPath(urlsplit(self.url).path).name)

    @property
    def shown(self) -> str:
        """For people."""
        return self.url


def is_address(text: str) -> bool:
    """Whether it names no file of this machine."""
    return bool(_ADDRESS.match(text))


def find(url: str, collection: str, settings: FetchSettings) -> list[RemoteSource]:
    """The documents behind an address: one, or those that a pattern or a folder of a store holds.

    Args:
        url: `https://…`, or `s3://…` or `gs://…` where `*` and `**` match and a `/` at the end
            means all below.
        collection: part of each id.
        settings: what is allowed.

    Raises:
        SettingsError: the scheme is not allowed.
        SetupError: the package that reads it is missing.
        UnreadableDocument: the store cannot be listed.
    """
    scheme = _allowed(url, settings)
    urls = [url] if scheme == "https" else list(_listed(url, scheme))
    return [RemoteSource(one, _document_id(one, collection)) for one in urls]


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet's, and no private, local or reserved one."""
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_global and not found.is_multicast


def fetch(
    source: RemoteSource, limit_bytes: int, allowed: Callable[[str], bool] = is_public
) -> bytes:
    """A document's bytes; one that is too large is left after the limit.

    Args:
        source: where it lies.
        limit_bytes: most bytes.
        allowed: says of an IP address whether https may connect to it.

    Raises:
        DocumentTooLarge: it has more than `limit_bytes`.
        UnreadableDocument: nobody gives it to us.
    """
    try:
        with _opened(source.url, allowed) as file:
            data = b"".join(_pieces(file, limit_bytes))
    except SetupError:
        raise
    except Exception as exc:  # each store has errors of its own
        raise UnreadableDocument(f"cannot be fetched: {_reason(exc)}") from exc
    if len(data) > limit_bytes:
        raise DocumentTooLarge(
            f"more than {limit_bytes:,} bytes (RAGSTREAM_INGESTOR_MAX_DOCUMENT_BYTES)"
        )
    return data


@contextmanager
def _opened(url: str, allowed: Callable[[str], bool]) -> Iterator[Any]:
    scheme = urlsplit(url).scheme.lower()
    if scheme == "https":
        with _https(allowed) as system, system.open(url, block_size=0) as file:
            yield file
    else:
        with _store(scheme).open(url, "rb") as file:
            yield file


def _reason(exc: Exception) -> str:
    """What went wrong at the bottom: fsspec calls much of it a file that is not found."""
    cause = exc.__cause__ or exc
    return "not found" if isinstance(cause, FileNotFoundError) else str(cause) or repr(cause)


def _allowed(url: str, settings: FetchSettings) -> str:
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if scheme not in _EXTRAS:
        raise SettingsError(f"{scheme}:// is not fetched; https, s3 and gs can be")
    if parts.username or parts.password:
        raise SettingsError("an address with a password in it would be shown to whoever looks")
    if scheme not in settings.schemes.split(","):
        wanted = ",".join(filter(None, [settings.schemes, scheme]))
        raise SettingsError(f"{scheme}:// is off: {FetchSettings.prefix}SCHEMES={wanted} allows it")
    return scheme


def _listed(url: str, scheme: str) -> Iterator[str]:
    system = _store(scheme)
    try:
        if "*" in url:
            found = system.glob(url)
        elif url.endswith("/"):
            found = system.find(url)
        else:
            found = [url]
    except Exception as exc:  # each store has errors of its own
        raise UnreadableDocument(f"{url} cannot be listed: {exc}") from exc
    whole = {one if is_address(one) else f"{scheme}://{one}" for one in found}
    for one in sorted(whole):
        if one == url or PurePosixPath(one).suffix.lower() in documents.READABLE:
            yield one


def _document_id(url: str, collection: str) -> str:
    name = PurePosixPath(unquote(urlsplit(url).path)).stem
    whole = collection.encode() + b"\0" + url.encode()
    return f"{documents.slug(name)}-{hashlib.sha256(whole).hexdigest()[: documents.HASH_CHARS]}"


def _pieces(file: Any, limit_bytes: int) -> Iterator[bytes]:
    """Read on until the end, or until there is more than the limit; a stream gives less at once."""
    left = limit_bytes + 1
    while left > 0 and (piece := file.read(left)):
        yield piece
        left -= len(piece)


def _store(scheme: str) -> Any:
    """Fsspec's file system of a store, which takes its credentials from this machine's settings."""
    try:
        import fsspec  # noqa: PLC0415 - an extra: whoever has files alone needs none of it

        return fsspec.filesystem(scheme)
    except ImportError as exc:
        raise _missing(scheme) from exc


def _missing(scheme: str) -> SetupError:
    extra = f"ragstream[{_EXTRAS[scheme]}]"
    return SetupError(f"{scheme}:// needs a package that is missing: pip install '{extra}'")


@contextmanager
def _https(allowed: Callable[[str], bool]) -> Iterator[Any]:
    """Fsspec's https, with connections of our own: each one's address is looked at."""
    try:
        import aiohttp  # noqa: PLC0415 - as above
        from fsspec.asyn import sync  # noqa: PLC0415 - as above
        from fsspec.implementations.http import HTTPFileSystem  # noqa: PLC0415 - as above
    except ImportError as exc:
        raise _missing("https") from exc

    async def https_only(request: Any, handler: Any) -> Any:
        if request.url.scheme != "https":
            raise OSError(f"{request.url} is not https")
        return await handler(request)

    async def client(**_: Any) -> Any:
        connector = aiohttp.TCPConnector(
            socket_factory=partial(_socket, allowed), ssl=ssl.create_default_context()
        )
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_TIMEOUT_S, sock_read=_TIMEOUT_S)
        return aiohttp.ClientSession(
            connector=connector, middlewares=(https_only,), timeout=timeout
        )

    system = HTTPFileSystem(get_client=client, skip_instance_cache=True)
    session = sync(system.loop, system.set_session)
    try:
        yield system
    finally:
        sync(system.loop, session.close)


def _socket(allowed: Callable[[str], bool], where: Any) -> socket.socket:
    """A socket for one of a name's addresses, whichever name or redirect led to it."""
    family, kind, protocol, _, address = where
    if not allowed(address[0]):
        raise OSError(errno.EACCES, f"{address[0]} is a private address")
    return socket.socket(family=family, type=kind, proto=protocol)
