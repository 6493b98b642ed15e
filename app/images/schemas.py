"""Images as JSON."""

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from app.auth.signed_urls import Link
from app.http.hrefs import Href
from app.images.tables import ImageRole, ImageRow


class ManifestOut(BaseModel):
    """The signed manifest (C2PA) that an upload had."""

    state: Literal["valid", "invalid"] = Field(
        description="`invalid`: the file was changed since it was signed, or it was never signed properly. "
        "Whether the signer is to be trusted is not asked."
    )
    signer: str | None = Field(description="Whom the certificate names.")
    generator: str | None = Field(description="The program or camera that made it.")


class Marks(BaseModel):
    """What the metadata of an upload said when it arrived."""

    digital_source_type: str | None = Field(
        description="How the picture came to be, as IPTC's URL of the digital source type."
    )
    manifest: ManifestOut | None
    reserved: list[str] = Field(
        description="What forbids training on the picture or deriving works from it, e.g. `plus:DataMining "
        "DMI-PROHIBITED`. Such examples are refused (`example_reserved`), unless the operator allows them."
    )


class ImageOut(BaseModel):
    """An image: an upload as it was normalised, or a result."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "img_01JDXYZ0000000000000000002",
                "role": "result",
                "job_id": "job_01JDXYZ0000000000000000001",
                "source_id": "img_01JDXYZ0000000000000000001",
                "media_type": "image/png",
                "width": 1280,
                "height": 853,
                "size_bytes": 1843200,
                "sha256": "0a1b2c3d4e5f60710a1b2c3d4e5f60710a1b2c3d4e5f60710a1b2c3d4e5f6071",
                "created_at": "2026-01-01T12:01:00Z",
                "provenance": {
                    "app": "Fewstroke 0.1.0",
                    "base_hash": "9f2b1c4d5e6f7a8b9f2b1c4d5e6f7a8b9f2b1c4d5e6f7a8b9f2b1c4d5e6f7a8b",
                    "styles": [
                        {
                            "id": "sty_01JDXYZ0000000000000000000",
                            "weight": 1.0,
                            "k": 5,
                            "steps": 20,
                            "seed": 0,
                        }
                    ],
                    "strength": 1.0,
                },
                "marks": None,
                "url": "/v1/images/img_01JDXYZ0000000000000000002/content"
                "?expires=1767272700&signature=3f9a1c2b.kq0vYpQ4w2b8s7m1n6d5x3c9f0g1h2j3k4l5z6x7c8v",
                "url_expires_at": "2026-01-01T13:05:00Z",
            }
        }
    )

    id: str
    role: ImageRole
    job_id: str
    source_id: str | None = Field(description="Of a result: the content that it was made from.")
    media_type: str
    width: int
    height: int
    size_bytes: int
    sha256: str
    created_at: datetime
    provenance: dict[str, Any] | None = Field(
        description="Of a result, how it was made: `app`, `base_hash`, `styles` (`id`, `weight`, `k`, "
        "`steps`, `seed`), `outside_style`, the options of the rendering, whether the file itself says "
        "so by a manifest (`signed`) and has an invisible `watermark`; the `label` that people see (`text`, "
        "`place`), if it has one; `nearest_example`: the `agreement` of the result's and an example's "
        "most similar parts (about 0.6 for unrelated ones, 1 for the same), "
        "and whether that makes it a `copy`; null where nothing is known of the examples."
    )
    marks: Marks | None = Field(
        description="Of an upload, what the file said of its origin, and of what may be done with it; null: "
        "nothing."
    )
    expires_at: datetime | None = Field(description="When it is deleted; null: it is kept.")
    url: Href = Field(description="Where its bytes are: a signed link, good without a key until it expires.")
    url_expires_at: datetime

    @classmethod
    def of(cls, row: ImageRow, link: Link) -> Self:
        """The row on the wire, with a signed link to its bytes."""
        return cls(
            id=row.id,
            role=ImageRole(row.role),
            job_id=row.job_id,
            source_id=row.source_id,
            media_type=row.media_type,
            width=row.width,
            height=row.height,
            size_bytes=row.size_bytes,
            sha256=row.sha256,
            created_at=row.created_at,
            provenance=row.provenance,
            marks=Marks(**row.marks) if row.marks else None,
            expires_at=row.expires_at,
            url=link.url,
            url_expires_at=link.expires_at,
        )


class ImagePage(BaseModel):
    """A page of images, newest first."""

    items: list[ImageOut]
    next: str | None = Field(description="Pass it as `after` for the next page; null on the last one.")
