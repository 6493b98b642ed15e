"""Pictures that cost far more than their size says."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.errors import ImageTooLargeError
from app.imaging.cost_limits import MAX_SCANS, keep_small, refuse_costly
from app.imaging.limits import Ground, Limits
from app.imaging.normalize import normalize
from tests.support.pictures import encoded, picture

LIMITS = Limits(min_side=16, max_side=8192, max_pixels=40_000_000, target_side=8192, ground=Ground.KEPT)


def repeated_scans(times: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    data = encoded(picture(640, 480), "JPEG", progressive=True)
    start = data.rindex(b"\xff\xda")
    scan = data[start:-2]
    return data[:-2] + scan * times + b"\xff\xd9"


def pattern(width: int, height: int) -> bytes:
    """Noise that repeats every four rows: within WebP's window, beyond deflate's."""
    tile = np.random.default_rng(0).integers(0, 256, (4, width, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(np.tile(tile, (height // 4, 1, 1))).save(buffer, "WEBP", lossless=True, method=3)
    return buffer.getvalue()


def kept(data: bytes, folder: Path):
    source, target = folder / "in", folder / "out"
    source.write_bytes(data)
    return keep_small(normalize(source, target, LIMITS), source, target), target


def test_a_jpeg_of_many_scans_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(repeated_scans(2 * MAX_SCANS))
    with pytest.raises(ImageTooLargeError, match="scans"):
        refuse_costly(tmp_path / "in", "the picture")


@pytest.mark.parametrize("times", [0, MAX_SCANS // 2])
def test_progressive_jpegs_are_welcome(times: int, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(repeated_scans(times))
    refuse_costly(tmp_path / "in", "the picture")


def test_the_scans_of_a_thumbnail_do_not_count(tmp_path: Path) -> None:
    segment = b"\xff\xda" * (MAX_SCANS + 1)
    data = encoded(picture(64, 64), "JPEG")
    marked = data[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + data[2:]
    (tmp_path / "in").write_bytes(marked)
    refuse_costly(tmp_path / "in", "the picture")


def test_what_is_stored_is_in_proportion_to_what_was_sent(tmp_path: Path) -> None:
    data = pattern(8192, 512)
    done, target = kept(data, tmp_path)
    assert done.size_bytes == target.stat().st_size <= max(2**20, 16 * len(data))
    assert (done.media_type, done.extension, done.width) == ("image/webp", "webp", 8192)


def test_ordinary_pictures_stay_as_they_are(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    done, target = kept(encoded(Image.fromarray(noise), "PNG"), tmp_path)
    assert done.media_type == "image/png"
    with Image.open(target) as image:
        assert (np.asarray(image) == noise).all()
