"""Stylizations as JSON."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.bounds import MIN_SIZE, LabelPlace
from app.http.path_ids import StyleName
from app.imaging.formats import ClipFormat, OutputFormat
from app.jobs.schemas import JOB_EXAMPLE, JobError, JobOut, ResultImage
from app.provenance.levels import Provenance
from app.styles.schemas import BlendOptions, StyleOptions, StyleOut, StyleShare
from app.validators import STORABLE
from model.image.dials import DEFAULT_ABSTRACTION, LEAST_STROKE_SIZE, MOST_STRENGTH, MOST_STROKE_SIZE


class DialOptions(BaseModel):
    """How a photo is drawn."""

    model_config = ConfigDict(extra="forbid")

    strength: float = Field(
        1.0,
        ge=0.0,
        le=MOST_STRENGTH,
        description="0 is the photo itself, 1 the style, more draws it again: more of the style.",
    )
    abstraction: float = Field(
        DEFAULT_ABSTRACTION,
        ge=0.0,
        le=1.0,
        description="How much of the photo's own detail is given up for large shapes: 0 keeps all of it.",
    )
    stroke_size: float = Field(
        1.0,
        ge=LEAST_STROKE_SIZE,
        le=MOST_STROKE_SIZE,
        description="How large strokes are, relative to the picture: 1 is as the style was learned, 2 twice "
        "as large. A picture looks alike at any `size`.",
    )
    preserve_color: bool = Field(
        False, description="Keep the photo's colours: the style gives the brushwork and the light only."
    )
    size: int | None = Field(
        None,
        ge=MIN_SIZE,
        description="Longer side of the result in pixels, at most 8192; default: the photo's, at most 1280. "
        "Never enlarges.",
    )


class RenderOptions(DialOptions):
    """With what file it becomes."""

    format: OutputFormat | None = Field(None, description="File format of the result; default: png.")
    quality: int | None = Field(
        None, ge=1, le=100, description="Of a jpeg or webp; default: 92. A png is always exact."
    )
    provenance: Provenance = Field(
        Provenance.SIGNED,
        description="What the file says of how it was made: `signed`, a signed manifest (C2PA) and XMP with "
        "IPTC's digital source type; `metadata`, XMP only; `none`, nothing, where the service permits it. "
        "The image's JSON always says it.",
    )
    label: LabelPlace | None = Field(
        None,
        description='Where the result has a label that people see, such as "AI generated", in letters of at '
        "least 5 % of its short side; `none`: nowhere. Default: as the service has it, `none` unless its "
        "operator says otherwise.",
    )


class _MaskedOptions(RenderOptions):
    feather: float = Field(
        0.0,
        ge=0.0,
        le=256.0,
        description="How far the mask's edge is blurred, in pixels of the result (standard deviation).",
    )


class StylizationOptions(_MaskedOptions, BlendOptions):
    """The fields of `POST /v1/stylizations` besides the files."""

    clip_format: ClipFormat | None = Field(
        None,
        description="File format of the results of contents that move (animated GIF, WebP or PNG); "
        "default: webp. `mp4`, `mov`, `mkv` and `webm` need PyAV on the server.",
    )
    outside_style_id: Annotated[StyleName | None, STORABLE] = Field(
        None,
        max_length=64,
        description="The style where the mask is black; default: the photo stays as it is there.",
    )


class OneCallOptions(_MaskedOptions, StyleOptions):
    """The fields of `POST /v1/stylize` besides the files."""


class PictureSettings(BaseModel):
    """How photos become pictures."""

    strength: float
    abstraction: float
    stroke_size: float
    preserve_color: bool
    size: int | None
    format: OutputFormat
    quality: int | None
    provenance: Provenance
    label: LabelPlace = Field(description="Where the results have a label that people see.")


class RenderSettings(PictureSettings):
    """How the contents are rendered."""

    mask_id: str | None = Field(description="The mask, as an image.")
    outside_style_id: str | None
    feather: float


class ItemStatus(StrEnum):
    """How far one content of a stylization is."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    DELETED = "deleted"  # there was a result


class StylizationItem(BaseModel):
    """One content and what became of it."""

    position: int = Field(description="Its place among the uploaded contents, from 0.")
    name: str | None = Field(description="The file's name, as the client sent it.")
    status: ItemStatus = Field(
        description="`deleted`: there was a result, and it was deleted or has expired."
    )
    content_id: str | None = Field(
        description="The upload, as an image, which may have been deleted since; null when it was refused."
    )
    image: ResultImage | None = Field(description="The result; null before it is there and after it is gone.")
    error: JobError | None = Field(description="Why there is none; the other items are not affected.")


class StylizationOut(BaseModel):
    """A stylization: contents rendered in a style, or in a blend of styles."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "stz_01JDXYZ0000000000000000000",
                "style_id": "sty_01JDXYZ0000000000000000000",
                "styles": [{"id": "sty_01JDXYZ0000000000000000000", "weight": 1.0}],
                "settings": {
                    "strength": 1.0,
                    "abstraction": DEFAULT_ABSTRACTION,
                    "stroke_size": 1.0,
                    "preserve_color": False,
                    "size": None,
                    "format": "png",
                    "quality": None,
                    "mask_id": None,
                    "outside_style_id": None,
                    "feather": 0.0,
                    "provenance": "signed",
                    "label": "none",
                },
                "created_at": "2026-01-01T12:00:00Z",
                "job": JOB_EXAMPLE,
                "items": [
                    {
                        "position": 0,
                        "name": "harbour.jpg",
                        "status": "pending",
                        "content_id": "img_01JDXYZ0000000000000000001",
                        "image": None,
                        "error": None,
                    }
                ],
                "images": [],
            }
        }
    )

    id: str
    style_id: str = Field(description="The style; of a blend, the one with the largest weight.")
    styles: list[StyleShare]
    settings: RenderSettings
    created_at: datetime
    expires_at: datetime | None = Field(description="When it is deleted; null: it is kept.")
    job: JobOut
    items: list[StylizationItem] = Field(description="One for each uploaded content, in their order.")
    images: list[ResultImage] = Field(description="The results that there are, in the order of the contents.")


class StylizationPage(BaseModel):
    """A page of stylizations, newest first."""

    items: list[StylizationOut]
    next: str | None = Field(description="Pass it as `after` for the next page; null on the last one.")


class StylizationAccepted(BaseModel):
    """A new stylization and its job."""

    stylization: StylizationOut
    job: JobOut


class OneCallAccepted(StylizationAccepted):
    """What one call makes: a style, a stylization, and the job for both."""

    style: StyleOut
