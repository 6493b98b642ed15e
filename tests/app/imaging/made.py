"""Files of rare kinds, made here: PNG by its chunks, colour profiles, animations by their frames, videos."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

GREY, RGB, GREY_ALPHA = 0, 2, 4  # colour types of PNG


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pixels(values: NDArray[Any], depth: int = 8) -> bytes:
    """The content of IDAT: (H, W) or (H, W, C)."""
    rows = values.reshape(len(values), -1)
    if depth < 8:
        packed = [np.packbits(_bits(row, depth)).tobytes() for row in rows]
    else:
        packed = [row.astype(">u2" if depth == 16 else "u1").tobytes() for row in rows]
    return zlib.compress(b"".join(b"\0" + row for row in packed))


def _bits(row: NDArray[Any], depth: int) -> NDArray[Any]:
    return (row[:, None] >> np.arange(depth - 1, -1, -1) & 1).ravel()


def png(
    values: NDArray[Any],
    colour_type: int,
    *chunks: tuple[bytes, bytes],
    depth: int = 8,
    rest: Sequence[tuple[bytes, bytes]] = (),
) -> bytes:
    """A PNG of (H, W[, C]) with more chunks before its pixels, and after them."""
    height, width = values.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", pixels(values, depth)), *rest, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def control(number: int, size: tuple[int, int], at: tuple[int, int] = (0, 0), after: int = 0, over: int = 0):
    """A frame of an animated PNG, shown for 0.1 s."""
    return b"fcTL", struct.pack(">5I2H2B", number, *size, *at, 1, 10, after, over)


def frame(number: int, values: NDArray[Any]) -> tuple[bytes, bytes]:
    return b"fdAT", struct.pack(">I", number) + pixels(values)


_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def interlaced(values: NDArray[Any], colour_type: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of 16 bits whose pixels come in seven passes (Adam7)."""
    height, width = values.shape[:2]
    passes = [values[y::down, x::right] for x, y, right, down in _PASSES]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for part in passes if part.size for row in part)
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 1)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def plain(size: tuple[int, int], colour: Sequence[int] | int, dtype: Any = np.uint8) -> NDArray[Any]:
    shape = (size[1], size[0]) if isinstance(colour, int) else (size[1], size[0], len(colour))
    return np.full(shape, colour, dtype)


def gif(size: tuple[int, int], *frames: tuple[int, tuple[int, int, int, int], int]) -> bytes:
    """A GIF with black, red, green and blue. Frames: colour, box, and what becomes of it (2: cleared)."""
    palette = bytes([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    data = b"GIF89a" + struct.pack("<2H", *size) + bytes([0x81, 0, 0]) + palette
    for colour, (left, top, right, bottom), after in frames:
        data += b"!\xf9\x04" + struct.pack("<BHB", after << 2, 10, 0) + b"\0"
        data += b"," + struct.pack("<4H", left, top, right - left, bottom - top) + b"\0\x02"
        codes = [4]  # clear, then each pixel by itself, and clear again before codes get longer
        for _ in range((right - left) * (bottom - top)):
            codes += [colour, 4]
        bits = "".join(f"{code:03b}"[::-1] for code in [*codes, 5])
        packed = bytes(int(bits[i : i + 8][::-1], 2) for i in range(0, len(bits), 8))
        for i in range(0, len(packed), 255):
            data += bytes([len(packed[i : i + 255])]) + packed[i : i + 255]
        data += b"\0"
    return data + b";"


def profile(space: bytes, **tags: bytes) -> bytes:
    """A display profile (ICC) of a colour space, ``GRAY`` or ``RGB ``."""
    tags = {"wtpt": xyz(0.9642, 1.0, 0.8249), **tags}
    at, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        table += name.encode() + struct.pack(">2I", at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4x I4s4s4s", at + len(body), 0x02100000, b"mntr", space, b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


LINEAR = b"curv" + bytes(8)
GREY_PROFILE = profile(b"GRAY", kTRC=LINEAR)
RGB_PROFILE = profile(  # sRGB's primaries, without its curve
    b"RGB ",
    rXYZ=xyz(0.4361, 0.2225, 0.0139),
    gXYZ=xyz(0.3851, 0.7169, 0.0971),
    bXYZ=xyz(0.1431, 0.0606, 0.7141),
    rTRC=LINEAR,
    gTRC=LINEAR,
    bTRC=LINEAR,
)


def iccp(data: bytes) -> tuple[bytes, bytes]:
    return b"iCCP", b"profile\0\0" + zlib.compress(data)


def video(
    path: Path,
    colours: Sequence[Sequence[int]],
    milliseconds: Sequence[int],
    *,
    size: tuple[int, int] = (64, 48),
    codec: str = "libx264",
    aspect: Fraction | None = None,
    says: tuple[int, int, int] | None = None,
    sound: str | None = None,
    **options: str,
) -> Path:
    """A video with a frame of one colour at each time; colours of more than 255 in 10 bits.

    ``says``: primaries, curve and matrix, by their numbers in H.273. ``sound``: the codec of a tone.
    """
    import av

    deep = max(max(colour) for colour in colours) > 255
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p10le" if deep else "yuv420p"
        coder = stream.codec_context
        coder.time_base = Fraction(1, 1000)
        if aspect is not None:
            coder.sample_aspect_ratio = aspect
        if says is not None:
            coder.color_primaries, coder.color_trc, coder.colorspace = says
            coder.color_range = 1
        track: Any = container.add_stream(sound, rate=48_000, layout="mono") if sound else None
        for colour, begins in zip(colours, milliseconds, strict=True):
            values = plain(size, list(colour), np.uint16 if deep else np.uint8)
            picture: Any = av.VideoFrame.from_ndarray(values, format="rgb48le" if deep else "rgb24")
            picture = picture.reformat(format=stream.pix_fmt, dst_colorspace=says[2] if says else None)
            picture.pts, picture.time_base = begins, Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
        if track is not None:
            seconds = milliseconds[-1] / 1000 + 0.04
            tone = np.sin(np.arange(int(48_000 * seconds)) * 0.05).astype(np.float32)[None]
            heard: Any = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            heard.sample_rate, heard.pts, heard.time_base = 48_000, 0, Fraction(1, 48_000)
            fitted = av.AudioResampler(track.format, "mono", 48_000, frame_size=track.frame_size or 960)
            for part in (*fitted.resample(heard), *fitted.resample(None)):
                container.mux(track.encode(part))
            container.mux(track.encode(None))
    return path


def with_matrix(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Let an MP4 say where a step to the right (x, y) and a step down (x, y) go on the screen."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    a, b, c, d = (number * 65536 for number in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
