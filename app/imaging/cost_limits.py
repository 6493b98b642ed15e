"""Refuse or shrink files that would cost a decoder or the disk out of proportion to their size.

A progressive JPEG may repeat its scans: each costs 88 bytes and decodes the whole picture again. A lossless
picture may be a pattern that its own format compresses a thousand times better than a quick PNG does.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from PIL import Image

from app.errors import ImageTooLargeError
from app.imaging.limits import Normalized

MAX_SCANS = 100  # libjpeg-turbo's advice; encoders write about ten
_START_OF_SCAN, _END = 0xDA, 0xD9
_FACTOR = 16  # by which a stored picture may be larger than the file that was sent
_ALWAYS = 2**20  # bytes that it may have in any case
_SMALLER: tuple[dict[str, Any], ...] = (  # ways of keeping it, the first that is small enough
    {"lossless": True, "quality": 0, "method": 0},
    {"quality": 95, "method": 0},
    {"quality": 75, "method": 0},
)


def refuse_costly(source: Path, label: str) -> None:
    """Raise ImageTooLargeError for a JPEG of too many scans, before a pixel is decoded."""
    data = source.read_bytes()
    if not data.startswith(b"\xff\xd8") or data.count(bytes([0xFF, _START_OF_SCAN])) <= MAX_SCANS:
        return  # which counts those of thumbnails as well
    if _scans(data) > MAX_SCANS:
        raise ImageTooLargeError(
            f"{label} is a JPEG of more than {MAX_SCANS} scans, which take too long "
            "to decode: save it again and resend it."
        )


def keep_small(done: Normalized, source: Path, target: Path) -> Normalized:
    """Write ``target`` again, as WebP, when it is out of proportion to what was sent."""
    bound = max(_ALWAYS, _FACTOR * source.stat().st_size)
    if done.size_bytes <= bound or done.frames > 1:
        return done
    with Image.open(target) as image:
        image.load()
        for options in _SMALLER:
            image.save(target, format="WEBP", **options)
            if target.stat().st_size <= bound:
                break
    data = target.read_bytes()
    return replace(
        done,
        media_type="image/webp",
        extension="webp",
        size_bytes=len(data),
        sha256=sha256(data).hexdigest(),
    )


def _scans(data: bytes) -> int:
    """Scans of the first picture of a file."""
    found, position = 0, 2
    while 0 <= position < len(data) - 3:
        if data[position] != 0xFF:  # in the data of a scan
            position = data.find(b"\xff", position)
            continue
        marker = data[position + 1]
        if marker == _END:
            break
        if marker == 0xFF:
            position += 1
        elif marker <= 0x01 or 0xD0 <= marker <= 0xD8:  # these have no length
            position += 2
        else:
            found += marker == _START_OF_SCAN
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return found
