"""The mode without keys: when the service answers requests that carry none.

``auth``: ``keys`` never; ``open`` always; ``auto`` (the default) only as long as nobody but the people at
this machine can ask, and no key was ever made. A browser that can reach the service runs other people's
pages, so these are kept out too: what a page sends is taken only from pages of the service itself.
"""

import socket
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from starlette.requests import Request

from app.settings import Settings

MAKE_A_KEY = "make one with `fewstroke keys create OWNER` on the machine of the service"

_FORWARDED = (  # what proxies add; their clients may be anybody
    "cf-connecting-ip",
    "fastly-client-ip",
    "forwarded",
    "true-client-ip",
    "via",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-real-ip",
)
_PORTS = {"http": 80, "https": 443}


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


class OpenMode:
    """Decides about requests that carry no key."""

    def __init__(self, settings: Settings) -> None:
        self._auth: Literal["auto", "keys", "open"] = settings.auth
        self._published = settings.publish is not None
        self._cors = frozenset(settings.cors_origins)
        machine = socket.gethostname().lower()
        self._names = {machine, f"{machine.partition('.')[0]}.local", *map(str.lower, settings.hosts)}
        # A container listens on all its addresses; who can reach it is decided by where it is published.
        self.local = is_loopback(_host(settings.publish) if settings.publish else settings.host)

    @property
    def depends_on_keys(self) -> bool:
        """Whether the first key closes the door."""
        return self._auth == "auto" and self.local

    @property
    def asks_for_keys(self) -> bool:
        """Whether nobody is served without a key, from the start."""
        return self._auth == "keys" or (self._auth == "auto" and not self.local)

    def refusal(self, request: Request, *, keys_exist: bool) -> str | None:
        """Why a request without a key is refused, as the end of a sentence; None: it is welcome."""
        if self.asks_for_keys:
            return MAKE_A_KEY
        if self._auth == "auto" and keys_exist:
            return MAKE_A_KEY
        outside = self._outside(request) if self._auth == "auto" else self._misnamed(request)
        return outside or self._foreign(request)

    def _outside(self, request: Request) -> str | None:
        """Without keys only this machine is served: not its neighbours, not what a proxy lets in, and not a
        page whose name was made to point here (DNS rebinding)."""
        peer = request.client.host if request.client else "127.0.0.1"  # a Unix socket has no address
        forwarded = any(name in request.headers for name in _FORWARDED)
        named = is_loopback(_host(request.headers.get("host", "")))
        if forwarded or not named or not (self._published or is_loopback(peer)):
            return f"without keys only this machine itself is served; {MAKE_A_KEY}"
        return None

    def _misnamed(self, request: Request) -> str | None:
        """A name that is not the service's may have been made to point here. An address cannot be."""
        name = _host(request.headers.get("host", "")).rstrip(".").lower()
        if is_loopback(name) or _is_address(name) or name in self._names:
            return None
        return "it is reached under a name that FEWSTROKE_HOSTS does not list"

    def _foreign(self, request: Request) -> str | None:
        """A page that is not the service's own. Browsers say so by one header or both, or, of old ones, by
        neither when they only read; other clients send none."""
        origin = request.headers.get("origin")
        if origin in self._cors:
            return None
        own = origin is None or _names_host(origin, request.headers.get("host", ""))
        if own and request.headers.get("sec-fetch-site", "none") in ("same-origin", "none"):
            return None
        return "pages of other sites may use the service only when FEWSTROKE_CORS_ORIGINS names them"

    def warning(self) -> str | None:
        """What the log should say when the service starts."""
        if self._auth == "open":
            return (
                "FEWSTROKE_AUTH=open: everybody who can reach this service may use it and see and delete "
                f"everything; {MAKE_A_KEY} and unset FEWSTROKE_AUTH"
            )
        if self._auth == "auto" and self.local:
            return (
                "no key is needed as long as none was made: everybody on this machine may use the service; "
                "`fewstroke keys create OWNER` changes that"
            )
        return None


def _host(address: str) -> str:
    """The host of ``host:port``, ``[v6]:port``, ``port`` (every address) or ``host``."""
    if address.startswith("["):
        return address.partition("]")[0].removeprefix("[")
    host, colon, _ = address.rpartition(":")
    if not colon:
        return "" if address.isdigit() else address
    return host


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _names_host(origin: str, host: str) -> bool:
    """Whether an ``Origin`` is of the page that a request with this ``Host`` comes from. The scheme is not
    compared: a proxy may have ended TLS."""
    try:
        page, asked = urlsplit(origin), urlsplit(f"//{host}")
        default = _PORTS.get(page.scheme)
        return bool(page.hostname) and (page.hostname, page.port or default) == (
            asked.hostname,
            asked.port or default,
        )
    except ValueError:  # `null`, or no URL
        return False
