"""Dependencies of the routes."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Path, Query, Request, Security, params
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from pydantic import AfterValidator, BaseModel, Field

from app.api.services import Container
from app.auth.authenticator import require
from app.auth.principal import Principal, Scope
from app.errors import (
    ImageNotFoundError,
    JobNotFoundError,
    NotFoundError,
    StyleNotFoundError,
    StylizationNotFoundError,
    UnauthenticatedError,
    ValidationError,
)
from app.http.exception_handlers import validation_sentence
from app.http.paths import address

_bearer = HTTPBearer(
    scheme_name="key",
    auto_error=False,
    description="A key that `fewstroke keys create` has made (`fsk_…`). "
    "Its scopes: `read` for GET, `write` for the other methods.",
)


async def _container(request: Request) -> Container:
    container = request.app.state.container
    assert isinstance(container, Container)
    return container


Services = Annotated[Container, Depends(_container)]


async def _ask(request: Request, services: Container, scope: Scope) -> Principal:
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


async def _admin(
    request: Request, services: Services, _described: Annotated[object, Security(_bearer)]
) -> Principal:
    """Somebody who may do what concerns the whole service."""
    return await _ask(request, services, Scope.ADMIN)


Asking = Annotated[Principal, Depends(_principal)]


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
    """Whose things a request sees that may also come by a signed link; None: what the link names."""
    if expires is None or signature is None:
        return (await _ask(request, services, Scope.READ)).owner
    await services.links.check(address(request), expires, signature)
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


def askable(missing: type[NotFoundError]) -> AfterValidator:
    """For ids in paths: raises ``missing`` for one that the database cannot even be asked for."""

    def check(value: str) -> str:
        if "\0" in value:
            raise missing("There is nothing under an id with a NUL character: check the id.")
        return value

    return AfterValidator(check)


class Page(BaseModel):
    """Cursor pagination, newest first."""

    limit: int = Field(20, ge=1, le=100, description="How many items a page has.")
    after: str | None = Field(
        None, pattern="^[a-z]{3}_[0-9A-HJKMNP-TV-Z]{26}$", description="The `next` of the page before."
    )


def _parameters(route: APIRoute) -> set[str]:
    """The names of what a call takes in its query."""
    elsewhere = (params.Path, params.Header, params.Cookie)
    return {
        field.alias
        for field in get_flat_params(route.dependant)
        if not isinstance(field.field_info, elsewhere)
    }


async def _page(request: Request, page: Annotated[Page, Query()]) -> Page:
    """The page of a list that is asked for. Raises ValidationError for a parameter that the list does not
    have: a filter whose name is misspelt would let everything through."""
    given = set(request.query_params)
    if given and (unknown := sorted(given - _parameters(request.scope["route"]))):
        problems = [{"field": f"query.{name}", "detail": "There is no such parameter"} for name in unknown]
        raise ValidationError(validation_sentence(problems), errors=problems)
    return page


Owner = Annotated[str, Depends(_owner)]
Reader = Annotated[str | None, Depends(_reader)]
Admin = Annotated[Principal, Depends(_admin)]
StillAllowed = Annotated[Callable[[], Awaitable[bool]], Depends(_still_allowed)]
Paging = Annotated[Page, Depends(_page)]
StyleId = Annotated[
    str, Path(description="A style's id (`sty_…`).", max_length=64), askable(StyleNotFoundError)
]
JobId = Annotated[str, Path(description="A job's id (`job_…`).", max_length=64), askable(JobNotFoundError)]
ImageId = Annotated[
    str, Path(description="An image's id (`img_…`).", max_length=64), askable(ImageNotFoundError)
]
StylizationId = Annotated[
    str, Path(description="A stylization's id (`stz_…`).", max_length=64), askable(StylizationNotFoundError)
]
