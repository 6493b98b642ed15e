"""Detections as JSON."""

from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, Field

from app.images.schemas import ManifestOut
from app.imaging.limits import Normalized
from app.provenance.watermark import COMMAND_LINE


class Maker(StrEnum):
    """Who has put a watermark into a picture."""

    THIS_SERVICE = "this_service"
    OTHER_SERVICE = "other_service"
    COMMAND_LINE = "command_line"

    @classmethod
    def of(cls, number: int, own: int | None) -> Self:
        """By the number in the watermark, and the service's own."""
        if number == COMMAND_LINE:
            return cls("command_line")
        return cls("this_service" if number == own else "other_service")


class WatermarkOut(BaseModel):
    """The invisible watermark of a picture that Fewstroke has made."""

    maker: Maker
    result_id: str | None = Field(
        description="The result, as an image, if it is yours and still there; of others nothing is told."
    )
    scale: float = Field(
        description="How large the watermark is beside that of a whole result: about 1.25 after a crop to "
        "80 % of each side."
    )


class DetectionOut(BaseModel):
    """What a picture tells of where it comes from. That it tells nothing proves nothing."""

    made_by_fewstroke: bool = Field(
        description="Whether the watermark or a valid manifest says that Fewstroke has made it, here or "
        "elsewhere."
    )
    watermark: WatermarkOut | None = Field(
        description="Stays in a picture that was scaled, cropped a little, compressed, or taken from the "
        "screen."
    )
    manifest: ManifestOut | None = Field(description="The signed manifest (C2PA), which can be lost.")
    record: dict[str, Any] | None = Field(
        description="How Fewstroke has made it, as its manifest or its XMP says: trust it as far as the "
        "manifest is valid and you trust its signer."
    )
    digital_source_type: str | None = Field(
        description="How the picture came to be, as IPTC's URL of the digital source type."
    )

    @classmethod
    def of(cls, seen: Normalized, own: int | None, result_id: str | None) -> Self:
        """What was seen; ``own``: the service's number in watermarks."""
        marks, mark = seen.marks or {}, seen.watermark
        manifest = marks.get("manifest")
        signed = manifest is not None and manifest["state"] == "valid" and seen.record is not None
        shown = None
        if mark is not None:
            maker = Maker.of(mark["payload"]["service"], own)
            shown = WatermarkOut(maker=maker, result_id=result_id, scale=round(mark["scale"], 3))
        return cls(
            made_by_fewstroke=mark is not None or signed,
            watermark=shown,
            manifest=ManifestOut(**manifest) if manifest else None,
            record=seen.record,
            digital_source_type=marks.get("digital_source_type"),
        )
