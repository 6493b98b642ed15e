"""Pictures that are not what they seem: good files, and what becomes of them.

``mutated(index, seed)`` is a function of its arguments alone, so every finding can be made again.
"""

import struct
import zlib
from collections.abc import Callable
from functools import cache
from io import BytesIO
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features
from PIL.PngImagePlugin import PngInfo

Mutator = Callable[[bytes, Random], bytes]

_PNG = b"\x89PNG\r\n\x1a\n"
_ABSURD = (0, 1, 2, 15, 8192, 8193, 40_000, 65_535, 65_536, 2**31 - 1, 2**31, 2**32 - 1)


# Good files -----------------------------------------------------------------------------------------


@cache
def corpus() -> tuple[bytes, ...]:
    """Small files of every accepted format in every mode that it has, with and without what rides along."""
    files = []
    noise = np.random.default_rng(0)
    for width, height in ((64, 48), (17, 130)):
        pixels = noise.integers(0, 256, (height, width, 4), dtype=np.uint8)
        rgba = Image.fromarray(pixels, "RGBA")
        rgb = rgba.convert("RGB")
        exif = Image.Exif()
        exif[0x0112] = 6
        exif[0x010E] = "a description"
        profile = _profile()
        files += [
            _save(rgb, "JPEG", quality=80),
            _save(rgb, "JPEG", progressive=True, exif=exif, icc_profile=profile),
            _save(rgb.convert("L"), "JPEG"),
            _save(rgb.convert("CMYK"), "JPEG", subsampling=0),
            _save(rgb, "PNG"),
            _save(rgba, "PNG", exif=exif, icc_profile=profile),
            _save(rgb.convert("L"), "PNG"),
            _save(rgba.convert("LA"), "PNG"),
            _save(rgb.convert("1"), "PNG"),
            _save(rgb.quantize(17), "PNG", transparency=3),
            _save(Image.fromarray(pixels[..., 0].astype(np.uint16) * 257), "PNG"),
            _save(rgb, "WEBP", quality=60),
            _save(rgba, "WEBP", lossless=True, exif=exif, icc_profile=profile),
            *(
                _save(rgb, form, save_all=True, append_images=[rgb.transpose(Image.Transpose.ROTATE_180)])
                for form in ("WEBP", "GIF", "PNG")
            ),
            *((_save(rgb, "AVIF"), _save(rgba, "AVIF", exif=exif)) if features.check("avif") else ()),
            _save(rgb, "PNG", pnginfo=_chunks(gAMA=struct.pack(">I", 100_000))),
            _save(rgb, "PNG", pnginfo=_chunks(cICP=bytes([9, 16, 0, 1]))),
            _deep(pixels, b"iCCP", b"profile\0\0" + zlib.compress(profile)),
        ]
    return tuple(files)


def _save(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def _chunks(**data: bytes) -> PngInfo:
    info = PngInfo()
    for kind, content in data.items():
        info.add(kind.encode(), content)
    return info


def _deep(pixels: NDArray[np.uint8], kind: bytes, content: bytes) -> bytes:
    """A PNG of 16 bits a channel, which Pillow does not write, with one more chunk."""
    height, width, _ = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    rows = b"".join(b"\0" + (row[:, :3].astype(">u2") * 257).tobytes() for row in pixels)
    parts = ((b"IHDR", header), (kind, content), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return _PNG + b"".join(_chunk(*part) for part in parts)


def _profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


# What becomes of them -------------------------------------------------------------------------------


def _intact(data: bytes, _: Random) -> bytes:
    return data


def _truncated(data: bytes, rng: Random) -> bytes:
    return data[: rng.randrange(len(data))]


def _bits_flipped(data: bytes, rng: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 8, 64))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _header_damaged(data: bytes, rng: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 4))):
        changed[rng.randrange(min(64, len(changed)))] = rng.choice(
            (0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256))
        )
    return bytes(changed)


def _slice_gone(data: bytes, rng: Random) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.choice((1, 2, 16, 256)) :]


def _slice_twice(data: bytes, rng: Random) -> bytes:
    start = rng.randrange(len(data))
    part = data[start : start + rng.choice((1, 4, 64, 1024))]
    return data[:start] + part * rng.choice((2, 3, 50)) + data[start:]


def _noise_inside(data: bytes, rng: Random) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + rng.randbytes(rng.choice((1, 7, 64, 4096))) + data[start:]


def _spliced(data: bytes, rng: Random) -> bytes:
    other = rng.choice(corpus())
    return data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]


def _head_of_another(data: bytes, rng: Random) -> bytes:
    return rng.choice(corpus())[: rng.choice((3, 8, 12, 30))] + data[rng.choice((0, 12, 30)) :]


def _magic_and_noise(data: bytes, rng: Random) -> bytes:
    magic = rng.choice((b"\xff\xd8\xff", _PNG, b"RIFF\xff\xff\x00\x00WEBP", b"RIFF\x00\x00\x00\x00WEBPVP8X"))
    return magic + rng.randbytes(rng.choice((0, 1, 30, 3000)))


def _another_type(_: bytes, rng: Random) -> bytes:
    return rng.choice(
        (
            b"",
            b"\x00",
            b"hello",
            b"GIF89a" + rng.randbytes(100),
            b"BM" + rng.randbytes(100),
            b"%PDF-1.7\n" + rng.randbytes(100),
            b"PK\x03\x04" + rng.randbytes(100),
            b"II*\x00" + rng.randbytes(100),
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"\x00\x00\x00\x18ftypheic" + rng.randbytes(100),
            rng.randbytes(500),
        )
    )


def _absurd_size(data: bytes, rng: Random) -> bytes:
    """Other dimensions in the header, its checksum mended."""
    width, height = rng.choice(_ABSURD), rng.choice(_ABSURD)
    changed = bytearray(data)
    if data.startswith(_PNG):
        struct.pack_into(">II", changed, 16, width, height)
        struct.pack_into(">I", changed, 29, zlib.crc32(bytes(changed[12:29])))
    elif data.startswith(b"\xff\xd8"):
        start = next(
            (at for at in range(2, len(data) - 9) if data[at] == 0xFF and data[at + 1] in (0xC0, 0xC2)), 0
        )
        struct.pack_into(">HH", changed, start + 5, height % 65_536, width % 65_536)
    elif data.startswith(b"GIF8"):
        struct.pack_into("<HH", changed, 6, width % 65_536, height % 65_536)
    else:
        at = 24 if data[12:16] == b"VP8X" else 26
        changed[at : at + 4] = struct.pack("<I", width % 2**32)
    return bytes(changed)


def _odd_mode(data: bytes, rng: Random) -> bytes:
    """A PNG that says another bit depth, colour type, filter or interlacing than it has."""
    png = data if data.startswith(_PNG) else rng.choice([file for file in corpus() if file.startswith(_PNG)])
    changed = bytearray(png)
    changed[24:29] = bytes(
        (
            rng.choice((1, 2, 4, 8, 16, 0, 3, 32)),
            rng.choice((0, 2, 3, 4, 6, 1, 7)),
            rng.choice((0, 0, 0, 1)),
            rng.choice((0, 0, 0, 1)),
            rng.choice((0, 1, 1, 2)),
        )
    )
    struct.pack_into(">I", changed, 29, zlib.crc32(bytes(changed[12:29])))
    return bytes(changed)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _deep_damage(data: bytes, rng: Random) -> bytes:
    """A PNG with other bytes inside a chunk and the right checksum: the damage reaches the decoder."""
    png = data if data.startswith(_PNG) else rng.choice([file for file in corpus() if file.startswith(_PNG)])
    parts, at = [png[:8]], 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        kind, body = png[at + 4 : at + 8], bytearray(png[at + 8 : at + 8 + length])
        if body and rng.random() < 0.4:
            body[rng.randrange(len(body))] = rng.randrange(256)
        if rng.random() < 0.1:
            kind = rng.choice(
                (b"iCCP", b"zTXt", b"iTXt", b"PLTE", b"tRNS", b"eXIf", b"acTL", b"fcTL", b"IDAT")
            )
        parts.append(_chunk(kind, bytes(body)))
        at += length + 12
    return b"".join(parts)


def _bomb(_: bytes, rng: Random) -> bytes:
    """A few kilobytes that unpack into very much, in the picture or beside it."""
    side, extra = rng.choice(((8192, b""), (30_000, b""), (64, b"zTXt"), (64, b"iCCP"), (64, b"iTXt")))
    row = b"\x00" + bytes(side * 3)
    packer = zlib.compressobj(9)
    pixels = b"".join(packer.compress(row) for _ in range(min(side, 4096))) + packer.flush()
    parts = [_PNG, _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))]
    if extra:
        zeros = zlib.compress(bytes(64 * 2**20), 9)
        parts.append(_chunk(extra, {b"iTXt": b"k\x00\x01\x00\x00\x00"}.get(extra, b"k\x00\x00") + zeros))
    return b"".join([*parts, _chunk(b"IDAT", pixels), _chunk(b"IEND", b"")])


MUTATORS: dict[str, tuple[Mutator, int]] = {  # and how often, relatively
    "intact": (_intact, 2),
    "truncated": (_truncated, 14),
    "bits flipped": (_bits_flipped, 16),
    "header damaged": (_header_damaged, 12),
    "slice gone": (_slice_gone, 8),
    "slice twice": (_slice_twice, 8),
    "noise inside": (_noise_inside, 8),
    "spliced": (_spliced, 8),
    "head of another": (_head_of_another, 6),
    "magic and noise": (_magic_and_noise, 4),
    "another type": (_another_type, 4),
    "absurd size": (_absurd_size, 12),
    "odd mode": (_odd_mode, 8),
    "deep damage": (_deep_damage, 12),
    "bomb": (_bomb, 1),
}


def mutated(index: int, seed: int) -> tuple[str, bytes]:
    """The name of what was done to a good file, and what came of it."""
    rng = Random(f"{seed}-{index}")
    names = list(MUTATORS)
    (name,) = rng.choices(names, [MUTATORS[name][1] for name in names])
    return name, MUTATORS[name][0](rng.choice(corpus()), rng)
