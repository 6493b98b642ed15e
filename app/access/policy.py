"""When the service answers without a key.

``auth``: ``keys`` never; ``open`` always; ``auto`` (the default) only as long as nobody but the people at
this machine can ask, and no key was ever made. A browser at this machine runs other people's pages, so
they are kept out too.
"""

from ipaddress import ip_address
from typing import Literal

from starlette.requests import Request

from app.settings import Settings

MAKE_A_KEY = "make one with `fewstroke keys create OWNER` on the machine of the service"


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


class OpenDoor:
    """Decides about requests that carry no key."""

    def __init__(self, settings: Settings) -> None:
        self._auth: Literal["auto", "keys", "open"] = settings.auth
        self._published = settings.publish is not None
        self._cors = frozenset(settings.cors_origins)
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
        if self._auth == "auto":
            if keys_exist:
                return MAKE_A_KEY
            if (outside := self._outside(request)) is not None:
                return outside
        origin = request.headers.get("origin")
        if request.headers.get("sec-fetch-site", "none") == "cross-site" and origin not in self._cors:
            return "pages of other sites may use the service only when FEWSTROKE_CORS_ORIGINS names them"
        return None

    def _outside(self, request: Request) -> str | None:
        """Without keys only this machine is served: not its neighbours, not what a proxy lets in, and not a
        page whose name was made to point here (DNS rebinding)."""
        peer = request.client.host if request.client else "127.0.0.1"  # a Unix socket has no address
        forwarded = any(name in request.headers for name in ("forwarded", "x-forwarded-for"))
        named = is_loopback(_host(request.headers.get("host", "")))
        if forwarded or not named or not (self._published or is_loopback(peer)):
            return f"without keys only this machine itself is served; {MAKE_A_KEY}"
        return None

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
