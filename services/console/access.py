"""Who may see and who may change something; which requests are let in at all. Pure.

There are no cookies: what a browser would send by itself, another page could make it send. The
token travels in a header that only the page's own script sets.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import urlsplit

from services.console.settings import ConsoleSettings
from shared.errors import RagstreamError

_LOOPBACK = frozenset(("127.0.0.1", "localhost", "::1"))
_OWN_SITE = frozenset(("same-origin", "none"))
_SCHEME = "bearer "


class Refused(RagstreamError):  # noqa: N818 - named for what happened, as all of the tree
    """A request that is not carried out.

    Attributes:
        status: HTTP's.
    """

    code = "refused"
    status: ClassVar[int] = 403


class WrongHost(Refused):
    """The browser calls us by a name that is none of ours: an attack, or a setting is missing."""

    code = "wrong_host"
    status = 421


class OtherOrigin(Refused):
    """Another page sent it."""

    code = "other_origin"


class TokenNeeded(Refused):
    """No token came along, or a wrong one."""

    code = "token_needed"
    status = 401


class ReadOnly(Refused):
    """The console was started without a token: it only shows."""

    code = "read_only"


class BadRequest(Refused):
    """The request is not as the page sends it."""

    code = "bad_request"
    status = 400


class TooLarge(Refused):
    """The request is longer than any that the page sends."""

    code = "too_large"
    status = 413


class NotThere(Refused):
    """What was asked for is not there, or not any more."""

    code = "not_there"
    status = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The rules.

    Attributes:
        token: who has it may change things; b"" where nobody may.
        open: the page may be seen without it.
        hosts: names that the console is called by, lower case, without ports.
    """

    token: bytes = field(repr=False)
    open: bool
    hosts: frozenset[str]

    @classmethod
    def of(cls, settings: ConsoleSettings) -> "Access":
        """The rules that the settings ask for."""
        named = [_name(host) for host in settings.hosts.split(",") if host]
        return cls(
            token=settings.token.get_secret_value().encode(),
            open=settings.is_local and not settings.private,
            hosts=frozenset((*_LOOPBACK, _name(settings.host), *named)),
        )

    def check_source(self, headers: Mapping[str, str]) -> None:
        """See that the request came by one of our names, and from our own page if from any.

        The first keeps a page whose name was turned to this address (DNS rebinding) from reading
        here, the second keeps other pages from sending anything.

        Args:
            headers: by their names in lower case.

        Raises:
            WrongHost, OtherOrigin: it did not.
        """
        host = headers.get("host", "")
        if _name(host) not in self.hosts:
            raise WrongHost(
                f"this console is not called {host[:200]!r}: "
                "RAGSTREAM_CONSOLE_HOSTS names what it may be called"
            )
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            raise OtherOrigin("another page sent this")

    def check_own_page(self, headers: Mapping[str, str]) -> None:
        """See that no other page made the browser ask for data; links to the page are welcome.

        Raises:
            OtherOrigin: one did.
        """
        if headers.get("sec-fetch-site", "none") not in _OWN_SITE:
            raise OtherOrigin("another page sent this")

    def may_change(self, headers: Mapping[str, str]) -> bool:
        """Whether the right token came along; how long this takes says nothing about it."""
        given = headers.get("authorization", "")
        if not self.token or not given.lower().startswith(_SCHEME):
            return False
        return hmac.compare_digest(given[len(_SCHEME) :].strip().encode(), self.token)

    def check_read(self, headers: Mapping[str, str]) -> None:
        """Let in who may look.

        Raises:
            TokenNeeded: only those with the token may, or the token that came is wrong.
        """
        wrong = "authorization" in headers and self.token and not self.may_change(headers)
        if wrong or not (self.open or self.may_change(headers)):
            raise TokenNeeded("this needs the console's token")

    def check_change(self, headers: Mapping[str, str]) -> None:
        """Let in who may change something.

        Raises:
            ReadOnly: nobody may.
            TokenNeeded: only those with the token may.
        """
        if not self.token:
            raise ReadOnly("this console only shows: start it with a token to ask and to redrive")
        if not self.may_change(headers):
            raise TokenNeeded("this needs the console's token")


def _name(host: str) -> str:
    """The name in a Host header, without its port."""
    if host.count(":") > 1 and not host.startswith("["):  # an IPv6 address as settings write it
        return host.lower()
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
