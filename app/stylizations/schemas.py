"""Stylizations on the wire."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from app.imaging.formats import OutputFormat
from app.jobs.schemas import JobOut, ResultImage
from app.styles.schemas import MAX_SEED, StyleOptions, StyleOut

MIN_SIZE = 64


class _RenderOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")

    strength: float = Field(
        1.0, ge=0.0, le=1.5, description="0 is the photo's own look, 1 the style, more exaggerates it."
    )
    size: int | None = Field(
        None,
        ge=MIN_SIZE,
        description="Longer side of the result in pixels; default: the photo's. Never enlarges.",
    )
    format: OutputFormat | None = Field(None, description="File format of the result; default: png.")


class StylizationOptions(_RenderOptions):
    """The fields of `POST /v1/stylizations` besides the files."""

    style_id: str = Field(max_length=64, description="The style to apply (`sty_…`); it must be ready.")
    seed: int = Field(
        0, ge=0, le=MAX_SEED, description="Kept with the job; rendering draws no numbers today."
    )


class OneCallOptions(_RenderOptions, StyleOptions):
    """The fields of `POST /v1/stylize` besides the files."""


class StylizationOut(BaseModel):
    """A stylization: contents rendered in a style."""

    id: str
    style_id: str
    created_at: datetime
    job: JobOut
    images: list[ResultImage] = Field(description="In the order of the contents, once the job has succeeded.")


class StylizationAccepted(BaseModel):
    """A new stylization and its job."""

    stylization: StylizationOut
    job: JobOut


class OneCallAccepted(StylizationAccepted):
    """What one call makes: a style, a stylization, and the job for both."""

    style: StyleOut
