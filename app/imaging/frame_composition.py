"""Compose the frames of animated GIF and PNG, each on what those before it left.

Pillow does that too, but in colours that have no transparency where the first frame has none: what no frame
covers, and what a frame clears, is black there or has the background's colour. Browsers show nothing there.
So each frame is given to Pillow as a file of its own, and is put together with the others here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from io import BytesIO
from typing import BinaryIO

from PIL import Image

from app.imaging.png import SIGNATURE, chunk, chunks, read_chunk


class After(IntEnum):
    """What becomes of a frame when it was shown, as PNG counts it."""

    STAYS = 0
    CLEARED = 1
    RESTORED = 2  # to what was there before it


@dataclass(frozen=True)
class Patch:
    """What a frame draws: a picture's file, how large that is, and where its upper left corner comes."""

    file: bytes
    size: tuple[int, int]
    at: tuple[int, int]
    milliseconds: float
    after: After
    over: bool = True  # what is transparent leaves what was there; else it replaces it


def composed(
    patches: Iterator[Patch], size: tuple[int, int], read: Callable[[BinaryIO], Image.Image]
) -> Iterator[tuple[Image.Image, float]]:
    """Whole frames (RGBA) and their milliseconds. ``read``: a picture's file to RGB or RGBA."""
    canvas = Image.new("RGBA", size)
    for patch in patches:
        before = canvas.copy() if patch.after is After.RESTORED else canvas
        box = _inside(patch, size)
        drawn = read(BytesIO(patch.file)).convert("RGBA").crop((0, 0, box[2] - box[0], box[3] - box[1]))
        if patch.over:
            canvas.alpha_composite(drawn, box[:2])
        else:
            canvas.paste(drawn, box)
        yield canvas.copy(), patch.milliseconds
        if patch.after is After.CLEARED:
            canvas.paste((0, 0, 0, 0), box)
        canvas = before if patch.after is After.RESTORED else canvas


def _inside(patch: Patch, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The box that a frame draws in. Raises ValueError when it is larger than the picture: it may be huge."""
    if patch.size[0] > size[0] or patch.size[1] > size[1]:
        raise ValueError(f"a frame of {patch.size[0]}x{patch.size[1]} in {size[0]}x{size[1]} pixels")
    left, top = (min(start, side) for start, side in zip(patch.at, size, strict=True))
    return left, top, min(left + patch.size[0], size[0]), min(top + patch.size[1], size[1])


def png_patches(file: BinaryIO) -> Iterator[Patch]:
    """Those of an animated PNG; a picture that is shown where animations are not is left out.

    Raises EOFError where a frame is cut off, ValueError.
    """
    header = b""
    others: list[bytes] = []  # chunks before the pixels, which tell of all frames: palette, profile, ...
    control = b""
    pixels: list[bytes] = []
    for kind, length in chunks(file):
        if kind == b"IEND":
            break
        data = read_chunk(file, length)
        if kind == b"IHDR":
            header = data
        elif kind == b"fcTL":
            if control and pixels:
                yield _png_patch(header, others, control, pixels)
            control, pixels = data, []
        elif kind == b"IDAT" and control:
            pixels.append(data)
        elif kind == b"fdAT":
            pixels.append(data[4:])
        elif kind not in (b"IDAT", b"acTL") and not pixels:
            others.append(chunk(kind, data))
    if control and pixels:
        yield _png_patch(header, others, control, pixels)


def _png_patch(header: bytes, others: list[bytes], control: bytes, pixels: list[bytes]) -> Patch:
    _, width, height, x, y, shown, whole, after, blend = struct.unpack(">5I2H2B", control)
    parts = [chunk(b"IHDR", struct.pack(">2I", width, height) + header[8:]), *others]
    data = SIGNATURE + b"".join([*parts, *(chunk(b"IDAT", each) for each in pixels), chunk(b"IEND", b"")])
    return Patch(
        data, (width, height), (x, y), 1000 * shown / (whole or 100), After(min(after, 2)), over=blend == 1
    )


def gif_patches(file: BinaryIO) -> Iterator[Patch]:
    """Those of a GIF. Raises EOFError where a frame is cut off."""
    file.seek(0)
    signature, screen = _read(file, 6), _read(file, 7)
    palette = _palette(file, screen[4])
    control = bytes(4)
    while kind := file.read(1):
        if kind == b"!":
            label = _read(file, 1)
            data = _blocks(file)
            if label == b"\xf9" and len(data) >= 5:
                control = data[1:5]
        elif kind == b",":
            place = _read(file, 9)
            x, y, width, height = struct.unpack("<4H", place[:8])
            own = _palette(file, place[8])
            data = _read(file, 1) + _blocks(file)
            # A screen of the frame's size, with the palette of all when it has none of its own.
            parts = [
                signature + struct.pack("<2H", width, height) + screen[4:] + palette,
                b"!\xf9\x04" + control + b"\0" if control[0] & 1 else b"",
                b"," + struct.pack("<4H", 0, 0, width, height) + place[8:] + own + data + b";",
            ]
            after = {2: After.CLEARED, 3: After.RESTORED}.get(control[0] >> 2 & 7, After.STAYS)
            shown = 10 * int.from_bytes(control[1:3], "little")
            yield Patch(b"".join(parts), (width, height), (x, y), float(shown), after)
            control = bytes(4)
        elif kind == b";":
            return


def _palette(file: BinaryIO, flags: int) -> bytes:
    return _read(file, 3 * 2 ** ((flags & 7) + 1)) if flags & 128 else b""


def _blocks(file: BinaryIO) -> bytes:
    """Blocks of data as they stand in the file, their end with them."""
    data = bytearray()
    while length := _read(file, 1)[0]:
        data += bytes([length]) + _read(file, length)
    return bytes(data) + b"\0"


def _read(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise EOFError("the file ends within a frame")
    return data
