"""Pictures as files, and the multipart fields that carry them."""

from __future__ import annotations

import zipfile
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image


def picture(width: int = 64, height: int = 48, *, mode: str = "RGB", seed: int = 0) -> Image.Image:
    """A picture of coarse random blocks, which survive JPEG."""
    random = np.random.default_rng(seed)
    channels = {"L": 1, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    blocks = random.integers(0, 256, (4, 4, channels), dtype=np.uint8)
    small = (
        Image.fromarray(blocks.squeeze(), mode="L")
        if channels == 1
        else Image.frombytes(mode, (4, 4), blocks.tobytes())
    )
    return small.resize((width, height), Image.Resampling.NEAREST)


def encoded(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    """The file's bytes."""
    buffer = BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


def png(width: int = 64, height: int = 48, *, seed: int = 0) -> bytes:
    return encoded(picture(width, height, seed=seed))


def files(**fields: bytes | list[bytes]) -> list[tuple[str, tuple[str, bytes, str]]]:
    """Multipart files: ``files(examples=[a, b], content=c)``. Names and types say nothing true."""
    return [
        (field, (f"{index}.jpg", data, "image/jpeg"))
        for field, items in fields.items()
        for index, data in enumerate([items] if isinstance(items, bytes) else items)
    ]


def zipped(**photos: bytes) -> dict[str, tuple[str, bytes]]:
    """The field of a batch: a ZIP of photos by their names."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in (photos or {"a.png": png()}).items():
            archive.writestr(name, data)
    return {"photos": ("photos.zip", buffer.getvalue())}
