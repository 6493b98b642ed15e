"""Batches as JSON."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from app.imaging.formats import OutputFormat
from app.jobs.schemas import JOB_EXAMPLE, JobError, JobOut
from app.styles.schemas import BlendOptions, StyleShare
from app.stylizations.schemas import PictureSettings, RenderOptions
from model.image.dials import DEFAULT_ABSTRACTION

SHOWN_ERRORS = 100


class BatchOptions(RenderOptions, BlendOptions):
    """The fields of `POST /v1/batches` besides the files."""

    format: OutputFormat | None = Field(None, description="File format of the pictures; default: jpeg.")


class BatchCounts(BaseModel):
    """How far a batch is."""

    total: int = Field(description="Pictures that it asks for.")
    succeeded: int
    failed: int = Field(description="Photos that could not be read or drawn; the others are not affected.")


class BatchError(BaseModel):
    """A photo that became no picture."""

    position: int = Field(description="Its line among the renderings, from 0.")
    custom_id: str
    photo: str = Field(description="Its name in the ZIP.")
    error: JobError


class BatchOut(BaseModel):
    """A batch: photos of a ZIP drawn in a style, while nobody waits for anything else."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "bat_01JDXYZ0000000000000000000",
                "style_id": "sty_01JDXYZ0000000000000000000",
                "styles": [{"id": "sty_01JDXYZ0000000000000000000", "weight": 1.0}],
                "settings": {
                    "strength": 1.0,
                    "abstraction": DEFAULT_ABSTRACTION,
                    "stroke_size": 1.0,
                    "preserve_color": False,
                    "size": None,
                    "format": "jpeg",
                    "quality": None,
                    "provenance": "signed",
                    "label": "none",
                },
                "created_at": "2026-01-01T12:00:00Z",
                "expires_at": "2026-01-31T12:00:00Z",
                "job": {**JOB_EXAMPLE, "kind": "batch"},
                "counts": {"total": 2000, "succeeded": 611, "failed": 1},
                "errors": [
                    {
                        "position": 17,
                        "custom_id": "harbour/0018.jpg",
                        "photo": "harbour/0018.jpg",
                        "error": {"code": "image_corrupt", "detail": "harbour/0018.jpg is damaged."},
                    }
                ],
            }
        }
    )

    id: str
    style_id: str = Field(description="The style; of a blend, the one with the largest weight.")
    styles: list[StyleShare]
    settings: PictureSettings = Field(description="Where a rendering has no dials of its own.")
    created_at: datetime
    expires_at: datetime | None = Field(description="When it is deleted; null: it is kept.")
    job: JobOut
    counts: BatchCounts
    errors: list[BatchError] = Field(
        description=f"The first {SHOWN_ERRORS} photos that became no picture; all are in `errors.jsonl`."
    )


class BatchPage(BaseModel):
    """A page of batches, newest first."""

    items: list[BatchOut]
    next: str | None = Field(description="Pass it as `after` for the next page; null on the last one.")


class BatchAccepted(BaseModel):
    """A new batch and its job."""

    batch: BatchOut
    job: JobOut
