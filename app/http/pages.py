"""Cursor pagination of lists: the query parameters `limit` and `after`."""

from typing import Annotated

from fastapi import Depends, Query, Request, params
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field

from app.errors import ValidationError
from app.http.exception_handlers import validation_sentence


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


Paging = Annotated[Page, Depends(_page)]
