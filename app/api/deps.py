"""Dependencies of the routes."""

from typing import Annotated

from fastapi import Depends, Path, Query, Request
from pydantic import BaseModel, Field

from app.api.container import Container


def _container(request: Request) -> Container:
    container = request.app.state.container
    assert isinstance(container, Container)
    return container


def _owner() -> str:
    """Whose things a request sees. Everything belongs to one local user until there are API keys."""
    return "local"


class Page(BaseModel):
    """Cursor pagination, newest first."""

    limit: int = Field(20, ge=1, le=100, description="How many items a page has.")
    after: str | None = Field(None, max_length=40, description="The `next` of the page before.")


Services = Annotated[Container, Depends(_container)]
Owner = Annotated[str, Depends(_owner)]
Paging = Annotated[Page, Query()]
StyleId = Annotated[str, Path(description="A style's id (`sty_…`).", max_length=64)]
JobId = Annotated[str, Path(description="A job's id (`job_…`).", max_length=64)]
ImageId = Annotated[str, Path(description="An image's id (`img_…`).", max_length=64)]
StylizationId = Annotated[str, Path(description="A stylization's id (`stz_…`).", max_length=64)]
