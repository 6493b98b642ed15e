"""Compositions as JSON: what can be asked for, and what is told of each result."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.generations.schemas import GenerationOptions, GenerationOut, PieceOut
from app.http.forms import invalid_values
from app.jobs.schemas import JOB_EXAMPLE
from app.validators import STORABLE
from model.music.errors import ControlsError
from model.music.limits import MAX_BARS, MEDIA_TYPES, check_mode, parse_key, parse_meter

Form = Literal["mid", "musicxml", "mxl", "wav", "opus", "svg", "pdf", "png", "json"]
assert set(MEDIA_TYPES) == set(Form.__args__)  # type: ignore[attr-defined]


class CompositionOptions(GenerationOptions):
    """The fields of `POST /v1/compositions` besides the files."""

    bars: int = Field(16, ge=2, le=MAX_BARS, description="Length.")
    key: Annotated[str | None, STORABLE] = Field(
        None, max_length=40, description="Such as `C`, `F#`, `Eb` or `Eb minor`.", examples=["Eb minor"]
    )
    mode: Literal["major", "minor"] | None = None
    tempo: float | None = Field(None, ge=30, le=240, description="Quarters a minute.")
    meter: Annotated[str | None, STORABLE] = Field(
        None, max_length=10, description="Such as `3/4` or `6/8`.", examples=["3/4"]
    )
    density: int | None = Field(None, ge=0, le=4, description="0: very sparse; 4: very dense.")
    valence: float | None = Field(
        None,
        ge=-1,
        le=1,
        allow_inf_nan=False,
        description="Of the mood: -1 is sad, 1 glad. Moves mode, register and density, where they are not "
        "asked for; `moved_by_mood` says which.",
    )
    arousal: float | None = Field(
        None, ge=-1, le=1, allow_inf_nan=False, description="Of the mood: -1 is calm, 1 stirred."
    )
    voice: bool | None = Field(None, description="With a singer, or for piano alone.")
    temperature: float = Field(0.95, ge=0.1, le=2.0, description="Above 1: more surprising.")
    top_p: float = Field(0.95, gt=0, le=1, description="Leave out what is unlikely.")
    max_copied: int | None = Field(
        None,
        ge=8,
        le=1000,
        description="Longest run of notes that may be shared with the examples or the training works; "
        "default: what 19 of 20 songs stay below beside songs of other composers.",
    )
    ending: Literal["cadence", "open"] = Field(
        "cadence", description="`cadence`: on the tonic; `open`: it could go on."
    )
    infill: tuple[int, int] | None = Field(
        None,
        description="Bars of the `primer` that are written anew, such as `5-8`, counted from 1; `bars` does "
        "not count then.",
        json_schema_extra={"type": "string", "pattern": "^[0-9]+(-[0-9]+)?$", "example": "5-8"},
    )
    forms: list[Form] | None = Field(
        None,
        max_length=len(MEDIA_TYPES),
        description="Files of each result; default: all but `wav` that the worker can write. `svg` is the "
        "score's first page, `png` a piano roll, `opus` and `wav` sound.",
    )

    @field_validator("key")
    @classmethod
    def _known_key(cls, value: str | None) -> str | None:
        if value is not None:
            _understood(lambda: parse_key(value))
        return value

    @field_validator("meter")
    @classmethod
    def _known_meter(cls, value: str | None) -> str | None:
        if value is not None:
            _understood(lambda: parse_meter(value))
        return value

    @field_validator("infill", mode="before")
    @classmethod
    def _bars_of(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        first, _, last = value.partition("-")
        if not (first.isascii() and first.isdigit()) or len(value) > 9 or (last and not last.isdigit()):
            raise ValueError("names bars such as 5-8")
        bars = int(first), int(last or first)
        if not 1 <= bars[0] <= bars[1] or bars[1] - bars[0] >= MAX_BARS:
            raise ValueError(f"names bars from 1 on, the first before the last, at most {MAX_BARS} of them")
        return bars


def _understood(parse: Any) -> None:
    try:
        parse()
    except ControlsError as error:
        raise ValueError(str(error)) from error


def check_options(options: CompositionOptions, files: frozenset[str]) -> None:
    """Raise ValidationError for options that contradict each other or the files."""
    problems: list[dict[str, str]] = []
    try:
        check_mode(options.key, options.mode)
    except ControlsError as error:
        problems.append({"field": "mode", "detail": str(error)})
    if "primer" in files:
        problems += [
            {"field": name, "detail": "Is the primer's own: leave it out"}
            for name in ("key", "mode", "meter")
            if getattr(options, name) is not None
        ]
    elif options.infill is not None:
        problems.append({"field": "infill", "detail": "Needs a `primer`: the score in which bars are filled"})
    if problems:
        raise invalid_values(problems)


class Nearest(BaseModel):
    """The place in a known work that shares the longest run with a result."""

    model_config = ConfigDict(extra="allow")


class Shared(BaseModel):
    """What a composition shares with known works."""

    longest: int = Field(
        description="Longest run of events (notes with durations, in any key); 0: none of eight."
    )
    share: float = Field(description="Of its runs of eight events, the share that known works have too.")
    nearest: Nearest | None = Field(description="Where that run is, with bar numbers; null: nowhere.")


class Originality(BaseModel):
    """How original a composition is, beside what works of different composers share."""

    examples: Shared = Field(description="With the style's examples.")
    training: Shared = Field(description="With the works that the network was trained on.")
    human: dict[str, float] = Field(
        description="What songs of different composers share: percentiles of the longest run (`longest_50`, "
        "`longest_95`), the mean share of runs of eight."
    )


class CompositionAbout(BaseModel):
    """What a composition is."""

    title: str
    key: str = Field(description="Such as `Eb minor`.")
    tempo: float = Field(description="Quarters a minute.")
    meter: str
    bars: int
    seconds: float = Field(description="When played.")
    voice: bool = Field(description="Whether there is a singer.")
    moved_by_mood: dict[str, str] = Field(description="What the mood moved, and whereto.")
    seed: int
    originality: Originality


class CompositionPiece(PieceOut):
    """One composition, in all its forms."""

    about: CompositionAbout


class CompositionSettings(BaseModel):
    """What was asked for; null: as in the examples."""

    bars: int
    key: str | None
    mode: str | None
    tempo: float | None
    meter: str | None
    density: int | None
    valence: float | None
    arousal: float | None
    voice: bool | None
    temperature: float
    top_p: float
    max_copied: int | None
    ending: str
    infill: list[int] | None
    forms: list[str] | None
    seed: int
    count: int


class CompositionOut(GenerationOut):
    """A request for compositions in a style, and what came of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "cmp_01JDXYZ0000000000000000000",
                "style_id": "sty_01JDXYZ0000000000000000000",
                "styles": [{"id": "sty_01JDXYZ0000000000000000000", "weight": 1.0}],
                "settings": {"bars": 16, "key": "Eb minor", "seed": 0, "count": 1},
                "created_at": "2026-01-01T12:00:00Z",
                "expires_at": None,
                "job": JOB_EXAMPLE,
                "items": [],
            }
        }
    )

    settings: CompositionSettings
    items: list[CompositionPiece] = Field(description="The results; empty before the job has succeeded.")
    created_at: datetime
