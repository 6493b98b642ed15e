"""Styles as JSON."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from app.bounds import MAX_SEED
from app.http.hrefs import Href
from app.http.path_ids import StyleName
from app.jobs.schemas import JobOut
from app.presets.catalogue import presets
from app.styles.header import LICENCE, RIGHTS
from app.styles.repository import StyleRecord, StyleStatus
from app.styles.tables import PRESET_OWNER, StyleRow
from app.validators import STORABLE

MAX_STYLES = 8


class StyleLabels(BaseModel):
    """What people call a style."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str | None, STORABLE] = Field(
        None, min_length=1, max_length=200, description="A name for people."
    )
    description: Annotated[str | None, STORABLE] = Field(
        None, min_length=1, max_length=2000, description="More for people: where it comes from, its licence."
    )


class StyleChanges(StyleLabels):
    """What `PATCH /v1/styles/{id}` sets (JSON merge patch): what is absent stays, null removes."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "Waves of Kanagawa"}})


class RightsOptions(StyleLabels):
    """Whose the examples are: kept with the style, in its file, and in what is made with it."""

    rights: Annotated[str | None, STORABLE] = Field(
        None, min_length=1, max_length=RIGHTS, description="Whose the examples are, e.g. `© 2026 A. Painter`."
    )
    licence: Annotated[str | None, STORABLE] = Field(
        None,
        min_length=1,
        max_length=LICENCE,
        description="Under which they may be learned from, e.g. `CC-BY-4.0`, or the address of its text.",
    )


class StyleOptions(RightsOptions):
    """The fields of `POST /v1/styles` besides the files."""

    steps: int | None = Field(
        None,
        ge=0,
        description="Inner steps; default: see `GET /v1/models`. 0: the zero-step style, without adaptation.",
    )
    seed: int = Field(0, ge=0, le=MAX_SEED, description="The same inputs and seed give the same style.")


class BlendOptions(BaseModel):
    """The fields that name a ready style, or several with their weights."""

    model_config = ConfigDict(extra="forbid")

    style_id: list[Annotated[StyleName, Field(max_length=64), STORABLE]] = Field(
        min_length=1,
        max_length=MAX_STYLES,
        description="The style to apply (`sty_…`, or a preset's short name such as `hokusai`); it must be "
        "ready. Give the field several times to blend.",
        examples=[["sty_01JDXYZ0000000000000000000", "sty_01JDXYZ0000000000000000001"]],
    )
    weight: list[Annotated[float, Field(ge=0.0, le=1000.0, allow_inf_nan=False)]] | None = Field(
        None,
        max_length=MAX_STYLES,
        description="As many as styles, in their order; only their ratio counts. Default: equal shares.",
        examples=[[0.7, 0.3]],
    )

    @field_validator("style_id")
    @classmethod
    def _each_once(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise ValueError("a style is named twice: name it once, with the sum of its weights")
        return value

    @field_validator("weight")
    @classmethod
    def _one_each(cls, value: list[float] | None, info: ValidationInfo) -> list[float] | None:
        styles = info.data.get("style_id")
        if value is not None and styles is not None:  # else the styles themselves are invalid
            if len(value) != len(styles):
                raise ValueError(f"{len(value)} weights for {len(styles)} styles: give one for each")
            if sum(value) <= 0:
                raise ValueError("every weight is 0: give at least one style a weight above 0")
        return value

    def shares(self) -> list[dict[str, str | float]]:
        """The blend: ids and weights that sum to 1."""
        weights = self.weight or [1.0] * len(self.style_id)
        return [
            {"id": style_id, "weight": weight / sum(weights)}
            for style_id, weight in zip(self.style_id, weights, strict=True)
        ]


class StyleShare(BaseModel):
    """A style in a blend."""

    id: str
    weight: float = Field(description="Its share; those of a blend sum to 1.")


class ImportOptions(RightsOptions):
    """The fields of `POST /v1/styles/import` besides the file; `rights` and `licence` default to the
    file's."""


class PresetOut(BaseModel):
    """What a style that comes with the service was learned from."""

    slug: str = Field(description="A short name that stays the same when the preset is learned again.")
    artist: str
    lived: str = Field(description="When the artist lived.")
    works: list[str] = Field(description="The titles of the works.")
    licence: str = Field(description="Of the works.")


class StyleOut(BaseModel):
    """A style."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "sty_01JDXYZ0000000000000000000",
                "modality": "image",
                "name": "Waves",
                "description": None,
                "rights": "© 2026 A. Painter",
                "licence": "CC-BY-4.0",
                "status": "ready",
                "job_id": "job_01JDXYZ0000000000000000000",
                "base_hash": "9f2b1c4d5e6f7a8b9f2b1c4d5e6f7a8b9f2b1c4d5e6f7a8b9f2b1c4d5e6f7a8b",
                "size_bytes": 148112,
                "header": {"k": 5, "steps": 24, "seed": 0},
                "created_at": "2026-01-01T12:00:00Z",
                "ready_at": "2026-01-01T12:00:30Z",
                "file_url": "/v1/styles/sty_01JDXYZ0000000000000000000/file",
                "preset": None,
            }
        }
    )

    id: str
    modality: str = Field(description="What its examples are: `image`, `music`.")
    name: str | None
    description: str | None
    rights: str | None = Field(description="Whose the examples are, as whoever sent them said.")
    licence: str | None = Field(description="Under which they may be learned from.")
    status: StyleStatus = Field(
        description="`ready`: it can be applied. `outdated`: it was learned with another base checkpoint "
        "than the service has now; `POST /v1/styles/{id}/relearn` learns it again."
    )
    job_id: str | None = Field(description="The job that makes it; null when it was imported.")
    base_hash: str | None = Field(description="SHA-256 of the checkpoint that it belongs to.")
    size_bytes: int | None
    header: dict[str, Any] | None = Field(description="What its file says of itself: K, steps, losses, seed.")
    created_at: datetime
    expires_at: datetime | None = Field(description="When it is deleted; null: it is kept.")
    ready_at: datetime | None
    file_url: Href | None = Field(description="Where its file is, once it is ready.")
    preset: PresetOut | None = Field(
        description="For a style that comes with the service: everybody can use it, and nobody can change it."
    )

    @classmethod
    def of(cls, record: StyleRecord) -> Self:
        """The record on the wire."""
        row = record.row
        return cls(
            id=row.id,
            modality=row.modality,
            name=row.name,
            description=row.description,
            rights=row.rights,
            licence=row.licence,
            status=record.status,
            job_id=row.job_id,
            base_hash=row.base_hash,
            size_bytes=row.size_bytes,
            header=row.header,
            created_at=row.created_at,
            expires_at=row.expires_at,
            ready_at=row.ready_at,
            file_url=f"/v1/styles/{row.id}/file" if row.blob_key else None,
            preset=_preset(row) if row.owner == PRESET_OWNER else None,
        )


def _preset(row: StyleRow) -> PresetOut | None:
    preset = presets().get(row.id)
    if preset is None:  # of a version that had more of them
        return None
    return PresetOut(
        slug=preset.slug,
        artist=preset.artist,
        lived=preset.lived,
        works=[work.title for work in preset.works],
        licence=preset.licence,
    )


class StylePage(BaseModel):
    """A page of styles, newest first."""

    items: list[StyleOut]
    next: str | None = Field(description="Pass it as `after` for the next page; null on the last one.")


class StyleAccepted(BaseModel):
    """A new style and the job that makes it."""

    style: StyleOut
    job: JobOut
