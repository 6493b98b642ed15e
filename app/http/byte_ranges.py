"""Parse `Range` headers (RFC 9110, section 14); several ranges are answered with the whole."""

import re

from app.errors import RangeNotSatisfiableError

_ONE = re.compile(r"bytes=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.IGNORECASE | re.ASCII)


def byte_range(header: str | None, if_range: str | None, *, size: int, etag: str) -> tuple[int, int] | None:
    """``(start, end)`` of what is asked for, ``end`` exclusive; None: the whole.

    Raises RangeNotSatisfiableError.
    """
    if header is None or (if_range is not None and if_range.strip() != etag):
        return None
    found = _ONE.fullmatch(header.strip())
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if first == "":
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < int(first):
            return None  # not a range: to be ignored
    if start >= end:
        raise RangeNotSatisfiableError(
            f"The picture has {size} bytes: ask for a range within them.",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, end
