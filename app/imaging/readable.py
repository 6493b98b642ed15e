"""Say which kinds of pictures this installation reads: AVIF and HEIC need a decoder that not every one has.

Importable without Pillow."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec

from app.imaging.sniff import InputFormat

_NAMES = {
    InputFormat.JPEG: "JPEG",
    InputFormat.PNG: "PNG",
    InputFormat.WEBP: "WebP",
    InputFormat.GIF: "GIF",
    InputFormat.AVIF: "AVIF",
    InputFormat.HEIC: "HEIC",
}
EVERYWHERE = "JPEG, PNG, WebP or GIF, AVIF and HEIC where the service reads them"


@lru_cache(maxsize=1)
def readable() -> tuple[InputFormat, ...]:
    """The kinds that are accepted: most builds of Pillow read AVIF, and the extra ``heic`` HEIC."""
    decoders = {InputFormat.AVIF: "PIL._avif", InputFormat.HEIC: "pi_heif"}
    return tuple(kind for kind in InputFormat if kind not in decoders or find_spec(decoders[kind]))


def listed() -> str:
    """The kinds for a sentence: ``JPEG, PNG, WebP or GIF``."""
    *names, last = (_NAMES[kind] for kind in readable())
    return f"{', '.join(names)} or {last}"


def plugin_of(kind: InputFormat) -> str:
    """Pillow's name of what reads a readable kind, ready to use: in one thread, as decoders are counted."""
    if kind is InputFormat.AVIF:
        from PIL import AvifImagePlugin

        AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    if kind is InputFormat.HEIC:
        _register_heif()
        return "HEIF"
    return kind.value.upper()


@lru_cache(maxsize=1)
def _register_heif() -> None:
    import pi_heif

    pi_heif.register_heif_opener(decode_threads=1, thumbnails=False, depth_images=False, aux_images=False)
