"""Poems as JSON: what can be asked for, and what is told of each result."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.generations.schemas import GenerationOptions, GenerationOut, PieceOut
from app.jobs.schemas import JOB_EXAMPLE
from app.validators import STORABLE
from model.text.errors import WritingError
from model.text.poems.forms import FORMS, canonical_name
from model.text.poems.limits import LEAST_COPIED, MOST_COPIED
from model.text.poems.poem import LONGEST_TITLE


class PoemOptions(GenerationOptions):
    """The fields of `POST /v1/poems` besides the style."""

    form: Annotated[str, STORABLE] = Field(
        "jueju",
        max_length=20,
        description=f"One of {', '.join(f'`{form}`' for form in FORMS)}, or its name in Chinese. `jueju` "
        "(four lines) and `lushi` (eight) have lines as long as the examples'; `ci` follows a tune.",
        examples=["jueju"],
    )
    title: Annotated[str, STORABLE] = Field(
        "", max_length=LONGEST_TITLE, description="What it is about; of a `ci`, its tune.", examples=["秋夜"]
    )
    script: Literal["simplified", "traditional"] | None = Field(
        None, description="How it is written; default: as the examples are."
    )
    avoid: Annotated[str, STORABLE] = Field("", max_length=200, description="Characters that do not occur.")
    temperature: float = Field(0.9, ge=0.1, le=2.0, description="Above 1: more surprising.")
    top_p: float = Field(0.92, ge=0.01, le=1, description="Leave out what is unlikely.")
    max_copied: int = Field(
        4,
        ge=LEAST_COPIED,
        le=MOST_COPIED,
        description="Longest run of characters that may be shared with the examples or a training poem.",
    )

    @field_validator("form")
    @classmethod
    def _known_form(cls, value: str) -> str:
        try:
            return canonical_name(value)
        except WritingError as error:
            raise ValueError(str(error)) from error


class Nearest(BaseModel):
    """The passage that shares the longest run with a poem."""

    author: str = Field(description="The poet, or `an example`.")
    passage: str = Field(description="Characters around the run, without marks.")


class Shared(BaseModel):
    """What a poem shares with known poems."""

    longest: int = Field(description="Characters of the longest run; 0 below 3.")
    share: float = Field(description="Of its runs of three characters, the share that known poems have too.")
    own: int = Field(description="Where the run begins in the poem, in characters from 0.")
    place: int | None


class Originality(BaseModel):
    """How original a poem is, beside what poems of different poets share."""

    examples: Shared = Field(description="With the style's examples.")
    training: Shared = Field(description="With the poems that the network was trained on.")
    nearest: Nearest | None = Field(description="Where the longest run is; null: nowhere.")
    human: dict[str, float] = Field(
        description="What poems of different poets share: percentiles of the longest run (`longest_50`, "
        "`longest_95`), the mean share of runs of three."
    )


class PoemAbout(BaseModel):
    """What a poem is."""

    title: str
    form: str
    text: str = Field(description="With its title and marks.")
    seed: int
    originality: Originality


class PoemPiece(PieceOut):
    """One poem, as text, Markdown and JSON."""

    about: PoemAbout


class PoemSettings(BaseModel):
    """What was asked for."""

    form: str
    title: str
    script: str | None
    avoid: str
    temperature: float
    top_p: float
    max_copied: int
    seed: int
    count: int


class PoemOut(GenerationOut):
    """A request for poems in a style, and what came of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "poe_01JDXYZ0000000000000000000",
                "style_id": "sty_01JDXYZ0000000000000000000",
                "styles": [{"id": "sty_01JDXYZ0000000000000000000", "weight": 1.0}],
                "settings": {"form": "jueju", "title": "秋夜", "seed": 0, "count": 1},
                "created_at": "2026-01-01T12:00:00Z",
                "expires_at": None,
                "job": JOB_EXAMPLE,
                "items": [],
            }
        }
    )

    settings: PoemSettings
    items: list[PoemPiece] = Field(description="The results; empty before the job has succeeded.")
    created_at: datetime
