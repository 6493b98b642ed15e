"""Parse `Prefer` (RFC 7240) and `Accept` (RFC 9110): how long to wait, and JSON or a picture."""

from dataclasses import dataclass

from app.errors import NotAcceptableError
from app.imaging.formats import OutputFormat

_DIGITS = 18


def wait_seconds(prefer: str | None, cap: int) -> int | None:
    """The N of ``wait=N``, at most ``cap``; None when absent or malformed (preferences may be ignored)."""
    for preference in (prefer or "").split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        seconds = whole_number(value.strip().strip('"'))
        if name.strip().lower() == "wait" and seconds is not None:
            return min(seconds, cap)
    return None


def whole_number(text: str | None) -> int | None:
    """The number in a header; None for anything but up to 18 ASCII digits (`²` is a digit to Python)."""
    if text and len(text) <= _DIGITS and text.isascii() and text.isdigit():
        return int(text)
    return None


@dataclass(frozen=True)
class Representation:
    """What the answer shall be. ``picture`` None: JSON."""

    picture: OutputFormat | None


def negotiate(accept: str | None, wanted: OutputFormat | None) -> Representation:
    """JSON, or a picture of the ``wanted`` format (else of the one that the client likes best).

    A picture only when the client names pictures and does not like JSON as much. Raises
    NotAcceptableError when it takes neither JSON nor any picture that can be made.
    """
    ranges = _ranges(accept or "*/*")
    json_quality = _quality(ranges, "application/json")
    offers = [wanted] if wanted else list(OutputFormat)
    best = max(offers, key=lambda offer: _quality(ranges, offer.media_type))  # the first of equals: PNG
    picture_quality = _quality(ranges, best.media_type)
    named = any(ranges.get(media, 0.0) > 0 for media in ("image/*", *(offer.media_type for offer in offers)))
    if named and picture_quality > 0 and (picture_quality > json_quality or "application/json" not in ranges):
        return Representation(best)
    if json_quality > 0:
        return Representation(None)
    made = ", ".join(offer.media_type for offer in offers)
    raise NotAcceptableError(f"This answer can be application/json or {made}: put one of them into Accept.")


def _ranges(accept: str) -> dict[str, float]:
    ranges: dict[str, float] = {}
    for item in accept.split(","):
        media, *parameters = (part.strip().lower() for part in item.split(";"))
        quality = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                try:
                    quality = min(1.0, max(0.0, float(value)))
                except ValueError:
                    quality = 0.0
        if media:
            ranges[media] = quality
    return ranges


def _quality(ranges: dict[str, float], media_type: str) -> float:
    """The quality of the most specific range that matches."""
    kind = media_type.partition("/")[0]
    for candidate in (media_type, f"{kind}/*", "*/*"):
        if candidate in ranges:
            return ranges[candidate]
    return 0.0
