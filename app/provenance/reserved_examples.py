"""Refuses examples whose metadata forbid to learn from them, unless the operator accepts them."""

from __future__ import annotations

from collections.abc import Sequence

from app.settings import Settings


def refusal(label: str, reserved: Sequence[str], settings: Settings) -> str | None:
    """Why an example is not learned from; None where it may be.

    Args:
        label: the file, as its sender knows it.
        reserved: what its metadata reserve (``app.provenance.marks``).
        settings: ``reserved_examples`` decides.
    """
    if not reserved or settings.reserved_examples == "accept":
        return None
    return f"{label} says that nothing may be learned from it ({', '.join(reserved)})"
