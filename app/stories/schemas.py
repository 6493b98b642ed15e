"""Stories as JSON: what can be asked for, and what is told of each result."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.generations.schemas import GenerationOptions, GenerationOut, PieceOut
from app.jobs.schemas import JOB_EXAMPLE
from app.validators import STORABLE
from model.text.stories.limits import (
    LEAST_COPIED,
    LONGEST,
    MAX_AVOIDED,
    MAX_MOOD,
    MAX_OPENING,
    MAX_STORIES_WRITTEN,
    MAX_TITLE,
    MOST_COPIED,
    SHORTEST,
)


class StoryOptions(GenerationOptions):
    """The fields of `POST /v1/stories` besides the style."""

    title: Annotated[str, STORABLE] = Field("", max_length=MAX_TITLE, examples=["The Lamp on the Hill"])
    opening: Annotated[str, STORABLE] = Field(
        "", max_length=MAX_OPENING, description="How it begins; the story goes on from it."
    )
    length: int = Field(250, ge=SHORTEST, le=LONGEST, description="Words, the opening not among them.")
    person: Literal["first", "third"] | None = Field(
        None, description="Who tells it; default: as the examples are told."
    )
    tense: Literal["past", "present"] = "past"
    mood: Annotated[str, STORABLE] = Field("", max_length=MAX_MOOD, description="In a few words.")
    avoid: Annotated[str, STORABLE] = Field(
        "", max_length=1000, description=f"At most {MAX_AVOIDED} words that do not occur, with commas."
    )
    temperature: float = Field(0.7, ge=0.1, le=2.0, description="Above 1: more surprising.")
    top_p: float = Field(0.92, ge=0.01, le=1, description="Leave out what is unlikely.")
    max_copied: int = Field(
        8,
        ge=LEAST_COPIED,
        le=MOST_COPIED,
        description="Longest run of words that may be shared with the examples or a training work.",
    )
    count: int = Field(
        1, ge=1, le=MAX_STORIES_WRITTEN, description="How many results; each has a seed of its own."
    )

    @field_validator("title", "mood", "opening")
    @classmethod
    def _no_marks_of_the_model(cls, value: str) -> str:
        if "<|" in value:
            raise ValueError("cannot hold '<|', a mark of the language model: leave it out")
        return value

    @field_validator("avoid")
    @classmethod
    def _single_words(cls, value: str) -> str:
        words = [word.strip() for word in value.split(",") if word.strip()]
        if len(words) > MAX_AVOIDED or not all(_is_word(word) for word in words):
            raise ValueError(f"names at most {MAX_AVOIDED} single words with commas between them")
        return value


def _is_word(text: str) -> bool:
    return text.replace("'", "").replace("’", "").isalnum() and text[0].isalnum() and text[-1].isalnum()


class SharedWords(BaseModel):
    """What a story shares with the examples of its style."""

    longest: int = Field(description="Words of the longest run; 0 below 4.")
    share: float = Field(description="Of its runs of four words, the share that the examples have too.")
    own: int = Field(description="Where the run begins in the story, in words from 0.")
    place: int | None


class KnownWords(BaseModel):
    """What a story shares with the works of the training."""

    longest: int = Field(description="Words of the longest run; 0 below 9.")
    share: float = Field(description="Of its runs of eight words.")


class StoryOriginality(BaseModel):
    """How original a story is. What the language model remembers of its own training is not known here."""

    examples: SharedWords
    training: KnownWords
    nearest: str = Field(description="The passage of the examples around the longest run; may be empty.")


class StoryAbout(BaseModel):
    """What a story is."""

    title: str
    opening: str
    text: str = Field(description="With title and opening.")
    words: int = Field(description="Written anew.")
    ended: bool = Field(description="It has an ending of its own; else it was ended after a sentence.")
    seed: int
    originality: StoryOriginality


class StoryPiece(PieceOut):
    """One story, as text, Markdown and JSON."""

    about: StoryAbout


class StorySettings(BaseModel):
    """What was asked for."""

    title: str
    opening: str
    length: int
    person: str | None
    tense: str
    mood: str
    avoid: str
    temperature: float
    top_p: float
    max_copied: int
    seed: int
    count: int


class StoryOut(GenerationOut):
    """A request for stories in a style, and what came of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "sto_01JDXYZ0000000000000000000",
                "style_id": "sty_01JDXYZ0000000000000000000",
                "styles": [{"id": "sty_01JDXYZ0000000000000000000", "weight": 1.0}],
                "settings": {"title": "The Lamp on the Hill", "length": 250, "seed": 0, "count": 1},
                "created_at": "2026-01-01T12:00:00Z",
                "expires_at": None,
                "job": JOB_EXAMPLE,
                "items": [],
            }
        }
    )

    settings: StorySettings
    items: list[StoryPiece] = Field(description="The results; empty before the job has succeeded.")
    created_at: datetime
