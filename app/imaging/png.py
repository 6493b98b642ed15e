"""Read what Pillow does not tell of a PNG: the chunk cICP, the depth, all sixteen bits of deep pictures."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from PIL import Image

if TYPE_CHECKING:  # most pictures need no NumPy
    import numpy as np
    from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB, _GREY_ALPHA, _RGBA = 2, 4, 6  # colour types
_LARGEST = 256 * 2**20  # bytes of one chunk


@dataclass(frozen=True)
class PngHeader:
    """Of the chunks before the pixels. ``cicp``: numbers of primaries, curve and matrix (ITU-T H.273), and
    whether the range is full."""

    depth: int
    colour_type: int
    cicp: tuple[int, int, int, int] | None = None

    @property
    def cut(self) -> bool:
        """Whether Pillow decodes half of the bits only."""
        return self.depth == 16 and self.colour_type in (_RGB, _GREY_ALPHA, _RGBA)


def read_header(file: BinaryIO) -> PngHeader:
    """Leaves the file at its start. Raises ValueError, EOFError."""
    depth = colour_type = 0
    cicp = None
    for kind, length in chunks(file):
        if kind == b"IHDR":
            depth, colour_type = read_chunk(file, length)[8:10]
        elif kind == b"cICP" and length == 4:
            primaries, curve, matrix, full = read_chunk(file, length)
            cicp = (primaries, curve, matrix, full)
        elif kind in (b"IDAT", b"fdAT", b"IEND"):
            break
    file.seek(0)
    return PngHeader(depth, colour_type, cicp)


def chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Kinds and lengths, the file being where the content begins; checksums are left to who decodes."""
    at = len(SIGNATURE)
    file.seek(at)
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        yield kind, length
        at += 12 + length
        file.seek(at)


def read_chunk(file: BinaryIO, length: int) -> bytes:
    """The content of a chunk. Raises EOFError where it is cut off, and ValueError where it is too long."""
    if length > _LARGEST:
        raise ValueError(f"a chunk of {length} bytes")
    data = file.read(length)
    if len(data) < length:
        raise EOFError("the file ends within a chunk")
    return data


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk as it stands in a file."""
    from zlib import crc32

    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc32(kind + data))


def read_deep(file: BinaryIO, header: PngHeader) -> NDArray[np.uint16]:
    """(H, W, C) of a picture that is ``cut``: 3 channels, 2 (grey and alpha) or 4. Raises what Pillow raises.

    Pillow's decoder takes one byte of two, the upper one or the lower one, as it is told.
    """
    import numpy as np

    if header.colour_type == _GREY_ALPHA:  # 32 bits a pixel, as in RGBA
        both = np.asarray(_decoded(file, "RGBA", "RGBA"))
        upper, lower = both[..., ::2], both[..., 1::2]
    else:
        mode = "RGBA" if header.colour_type == _RGBA else "RGB"
        upper = np.asarray(_decoded(file, mode, f"{mode};16B"))
        lower = np.asarray(_decoded(file, mode, f"{mode};16L"))
    values = upper.astype(np.uint16)
    values <<= 8
    values |= lower
    return values


def _decoded(file: BinaryIO, mode: str, raw: str) -> Image.Image:
    file.seek(0)
    image: Any = Image.open(file, formats=["PNG"])
    image._mode = mode
    image.tile = [tile._replace(args=raw) for tile in image.tile]
    image.load()
    return image  # type: ignore[no-any-return]
