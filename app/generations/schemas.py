"""Generations as JSON: what the media extend with their options and with what they say of results."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.bounds import MAX_SEED
from app.jobs.schemas import JobOut, ResultFile
from app.styles.schemas import BlendOptions, StyleShare

MAX_COUNT = 8


class GenerationOptions(BlendOptions):
    """Fields of every request for results, besides the files. Media extend it."""

    model_config = ConfigDict(extra="forbid")

    seed: int = Field(0, ge=0, le=MAX_SEED, description="The same request and seed give the same results.")
    count: int = Field(1, ge=1, le=MAX_COUNT, description="How many results; each has a seed of its own.")

    def options(self) -> dict[str, Any]:
        """What the worker gets: all but the styles."""
        return self.model_dump(mode="json", exclude={"style_id", "weight"})


class PieceOut(BaseModel):
    """One result, in all its forms. Media say what is in ``about``."""

    position: int = Field(description="Its place among the results, from 0.")
    about: Any
    files: list[ResultFile] = Field(description="Its forms that there are; deleted ones are left out.")


class GenerationOut(BaseModel):
    """A request for results in a style. Media say what is in ``settings`` and ``items``."""

    id: str
    style_id: str = Field(description="The style; of a blend, the one with the largest weight.")
    styles: list[StyleShare]
    settings: Any
    created_at: datetime
    expires_at: datetime | None = Field(description="When it is deleted; null: it is kept.")
    job: JobOut
    items: Any
