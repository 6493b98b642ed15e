"""Route dependencies: the services that every route may use, and the principal of the request."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Query, Request, Security
from fastapi.security import HTTPBearer

from app.auth.authenticator import Authenticator, require
from app.auth.concurrency_limit import ConcurrencyLimit
from app.auth.principal import Principal, Scope
from app.auth.signed_urls import Links
from app.errors import UnauthenticatedError
from app.http.paths import address
from app.http.shutdown import ShutdownFlag
from app.infra.blobs import Blobs
from app.infra.broker import Broker
from app.infra.db import Sessions
from app.infra.secrets_at_rest import Seal
from app.settings import Settings

_bearer = HTTPBearer(
    scheme_name="key",
    auto_error=False,
    description="A key that `fewstroke keys create` has made (`fsk_…`). "
    "Its scopes: `read` for GET, `write` for the other methods.",
)


@dataclass(frozen=True, kw_only=True)
class CoreServices:
    """Services of one API process that know nothing of jobs.

    Packages above add theirs in a subclass (`dependencies.py` in each), and :mod:`app.api.services` makes the
    one object that has them all: a route sees those of its own package and of the packages below it.
    """

    settings: Settings
    closing: ShutdownFlag
    sessions: Sessions
    blobs: Blobs
    broker: Broker
    authenticator: Authenticator
    links: Links
    seal: Seal
    concurrency: ConcurrencyLimit


Kind = TypeVar("Kind", bound=CoreServices)


def services_of(kind: type[Kind]) -> Callable[[Request], Awaitable[Kind]]:
    """The dependency that gives a route the services of its process, as far as ``kind`` tells of them."""

    async def services(request: Request) -> Kind:
        found = request.app.state.container
        assert isinstance(found, kind)
        return found

    return services


Services = Annotated[CoreServices, Depends(services_of(CoreServices))]


async def _ask(request: Request, services: CoreServices, scope: Scope) -> Principal:
    principal = await services.authenticator.authenticate(request)
    request.state.owner, request.state.key_id = principal.owner, principal.key_id  # for the log
    standing = await services.authenticator.spend(principal)
    if standing is not None:
        request.state.rate_headers = standing.headers()
    require(principal, scope)
    return principal


async def _principal(
    request: Request, services: Services, _described: Annotated[object, Security(_bearer)]
) -> Principal:
    """Who asks; they have the scope that the method needs."""
    return await _ask(request, services, Scope.READ if request.method in ("GET", "HEAD") else Scope.WRITE)


async def _caller(
    request: Request, services: Services, _described: Annotated[object, Security(_bearer)]
) -> Principal:
    """Who asks; for a POST that makes nothing by itself: they have the scope `read`."""
    return await _ask(request, services, Scope.READ)


async def _admin(
    request: Request, services: Services, _described: Annotated[object, Security(_bearer)]
) -> Principal:
    """Somebody who may do what concerns the whole service."""
    return await _ask(request, services, Scope.ADMIN)


Asking = Annotated[Principal, Depends(_principal)]
Caller = Annotated[Principal, Depends(_caller)]


async def _owner(principal: Asking) -> str:
    """Whose things a request sees."""
    return principal.owner


async def _reader(
    request: Request,
    services: Services,
    _described: Annotated[object, Security(_bearer)],
    expires: Annotated[int | None, Query(ge=0, le=2**40, description="Of a signed link.")] = None,
    signature: Annotated[str | None, Query(max_length=100, description="Of a signed link.")] = None,
) -> str | None:
    """Owner of the request's key, or None when a valid signed URL replaces the key."""
    if expires is None or signature is None:
        return (await _ask(request, services, Scope.READ)).owner
    await services.links.check(address(request.scope), expires, signature)
    return None


async def _still_allowed(request: Request, services: Services) -> Callable[[], Awaitable[bool]]:
    """For answers that go on: whether who asked would still be let in. It counts as no request."""

    async def allowed() -> bool:
        try:
            await services.authenticator.authenticate(request)
        except UnauthenticatedError:
            return False
        return True

    return allowed


Owner = Annotated[str, Depends(_owner)]
Reader = Annotated[str | None, Depends(_reader)]
Admin = Annotated[Principal, Depends(_admin)]
StillAllowed = Annotated[Callable[[], Awaitable[bool]], Depends(_still_allowed)]
