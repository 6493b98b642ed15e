"""The error for a style of another base checkpoint, whose numbers mean nothing to this network."""

from app.errors import StyleBaseMismatchError


def outdated(style_id: str, *, imported: bool = False) -> StyleBaseMismatchError:
    """The error to raise, with what to do about it: the examples of an imported style are not here."""
    cure = f"POST /v1/styles/{style_id}/relearn learns it again from its examples."
    if imported:
        cure = "learn it again from its examples with POST /v1/styles."
    return StyleBaseMismatchError(
        f"Style {style_id} was learned with another base checkpoint than the service has now: {cure}"
    )
