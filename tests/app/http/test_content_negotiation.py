"""`Prefer` and `Accept`, header by header."""

from __future__ import annotations

import pytest

from app.errors import NotAcceptableError
from app.http.content_negotiation import negotiate, wait_seconds
from app.imaging.formats import OutputFormat


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("wait=5", 5),
        ("Wait = 5", 5),
        ('wait="5"', 5),
        ("respond-async, wait=5", 5),
        ("wait=5; foo=bar", 5),
        ("wait=0", 0),
        ("wait=301", 300),
        ("wait=-1", None),
        ("wait=1.5", None),
        ("await=5", None),
    ],
)
def test_wait(header: str | None, seconds: int | None) -> None:
    assert wait_seconds(header, 300) == seconds


PNG, JPEG, WEBP = OutputFormat.PNG, OutputFormat.JPEG, OutputFormat.WEBP


@pytest.mark.parametrize(
    ("accept", "wanted", "picture"),
    [
        (None, None, None),
        ("*/*", None, None),
        ("*/*", JPEG, None),
        ("application/*", None, None),
        ("image/*", None, PNG),
        ("image/*", WEBP, WEBP),
        ("IMAGE/PNG", None, PNG),
        ("image/jpeg;q=0.9, image/webp", None, WEBP),
        ("image/png, application/json", None, None),
        ("image/png, application/json;q=0.5", None, PNG),
        ("text/html, image/avif, image/webp, */*;q=0.8", None, WEBP),
        ("image/png;q=0, */*", None, None),
        ("image/gif, */*;q=0.1", None, None),
    ],
)
def test_negotiate(accept: str | None, wanted: OutputFormat | None, picture: OutputFormat | None) -> None:
    assert negotiate(accept, wanted).picture is picture


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [("image/gif", None), ("text/html", None), ("image/png", JPEG), ("image/*;q=0", None)],
)
def test_not_acceptable(accept: str, wanted: OutputFormat | None) -> None:
    with pytest.raises(NotAcceptableError, match="Accept"):
        negotiate(accept, wanted)
