"""How much a result's file says of how it was made."""

from enum import StrEnum


class Provenance(StrEnum):
    """What goes into the file, besides the image's JSON. In ascending order of proof."""

    NONE = "none"
    METADATA = "metadata"  # XMP, which anybody can change
    SIGNED = "signed"  # XMP, and a signed manifest (C2PA)

    @classmethod
    def _missing_(cls, value: object) -> "Provenance | None":
        return cls.METADATA if value == "embed" else None  # its name before there were signatures

    def permits(self, asked: "Provenance") -> bool:
        """Whether ``asked`` is at least this much."""
        order = list(Provenance)
        return order.index(asked) >= order.index(self)
