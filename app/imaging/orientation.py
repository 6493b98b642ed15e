"""Turn pictures upright by EXIF's orientation, and videos by their display matrix."""

from __future__ import annotations

import struct

from PIL import Image

from app.imaging.damaged_pictures import DAMAGE

_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Where a step to the right and a step down go on the screen, by EXIF's numbers.
_MATRICES = {
    (1, 0, 0, 1): 1,
    (-1, 0, 0, 1): 2,
    (-1, 0, 0, -1): 3,
    (1, 0, 0, -1): 4,
    (0, 1, 1, 0): 5,
    (0, 1, -1, 0): 6,
    (0, -1, -1, 0): 7,
    (0, -1, 1, 0): 8,
}


def orientation_of(image: Image.Image) -> int:
    """EXIF's number, 1 to 8; 1 where it says nothing. Ask when the pixels are loaded: it may load by itself,
    and fail unheard."""
    try:
        number = int(image.getexif().get(_ORIENTATION_TAG, 1))
    except DAMAGE:
        return 1  # damaged EXIF is no reason to refuse the pixels
    return number if number in _TURNS else 1


def orientation_of_matrix(matrix: bytes) -> int:
    """EXIF's number for a video's display matrix (nine 32-bit numbers), to the nearest quarter turn."""
    a, b, _, c, d = struct.unpack_from("=5i", matrix)
    if abs(a) + abs(d) >= abs(b) + abs(c):
        b = c = 0
    else:
        a = d = 0
    return _MATRICES.get((_sign(a), _sign(b), _sign(c), _sign(d)), 1)


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """The picture upright; itself when it is."""
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)
