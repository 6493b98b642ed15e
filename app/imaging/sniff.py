"""Recognise a file by its first bytes: names and declared media types are not believed."""

from enum import StrEnum
from pathlib import Path

from app.imaging.formats import ClipFormat


class InputFormat(StrEnum):
    """The formats that are accepted as input."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    GIF = "gif"
    AVIF = "avif"
    HEIC = "heic"


HEAD = 512  # bytes that are looked at

_REFUSED: tuple[tuple[bytes, str], ...] = (
    (b"BM", "a BMP"),
    (b"II*\x00", "a TIFF, or a camera's raw file"),
    (b"MM\x00*", "a TIFF, or a camera's raw file"),
    (b"II+\x00", "a TIFF"),
    (b"MM\x00+", "a TIFF"),
    (b"II\xbc", "a JPEG XR picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"\xff\xd8", "a damaged JPEG"),  # `sniff` knows the whole ones
    (b"v/1\x01", "an OpenEXR picture"),
    (b"#?RADIANCE", "a Radiance HDR picture"),
    (b"qoif", "a QOI picture"),
    (b"%PDF", "a PDF"),
    (b"%!PS", "a PostScript file"),
    (b"8BPS", "a Photoshop file"),
    (b"<svg", "an SVG"),
    (b"<?xml", "an XML or SVG file"),
    (b"<!DOCTYPE html", "a web page"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"\x00\x00\x01\x00", "an icon"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
)
_BRANDS = {  # of HEIF (ISO/IEC 23008-12) and what is built on it, by the picture's coding
    "an AVIF picture": (b"avif", b"avis", b"avio"),
    "a HEIC picture": (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"),
    "a HEIF picture": (
        b"mif1",
        b"mif2",
        b"msf1",
        b"miaf",
        b"avci",
        b"avcs",
        b"jpeg",
        b"jpgs",
        b"j2ki",
        b"vvic",
    ),
    "a camera's raw file": (b"crx ",),
}
_CODED = {"an AVIF picture": InputFormat.AVIF, "a HEIC picture": InputFormat.HEIC}
_MOVING: tuple[tuple[bytes, ClipFormat], ...] = (  # and what a result in the same kind of file is
    (b"FLV\x01", ClipFormat.MP4),
    (b"\x00\x00\x01\xba", ClipFormat.MP4),  # MPEG program streams
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", ClipFormat.MP4),  # Windows Media
    (b"OggS", ClipFormat.MKV),
)
_ATOMS = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")  # with which old QuickTime files begin


def sniff(head: bytes) -> InputFormat | None:
    """The format of a picture whose file starts with ``head``, or None when it is none of ours."""
    if head.startswith(b"\xff\xd8\xff"):
        return InputFormat.JPEG
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return InputFormat.GIF
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return InputFormat.PNG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return InputFormat.WEBP
    return _CODED.get(_heif(head) or "") if head[4:8] == b"ftyp" else None


def sniff_video(head: bytes) -> ClipFormat | None:
    """What a video would be written as, by the first bytes of its file; None when it is no video."""
    if head[4:8] == b"ftyp" and _heif(head) is None:
        return ClipFormat.MOV if head[8:12] == b"qt  " else ClipFormat.MP4
    if head[4:8] in _ATOMS:
        return ClipFormat.MOV
    if head.startswith(b"\x1a\x45\xdf\xa3"):  # EBML, whose header names what is in it
        return ClipFormat.WEBM if b"webm" in head[:64] else ClipFormat.MKV
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return ClipFormat.MP4
    if (
        head[0:377:188] == b"GGG" or head[4:389:192] == b"GGG"
    ):  # MPEG transport streams, as cameras write them
        return ClipFormat.MP4
    return next((form for magic, form in _MOVING if head.startswith(magic)), None)


def media_type_of(source: Path) -> str:
    """Of a picture or a video, by its first bytes."""
    with source.open("rb") as file:
        head = file.read(HEAD)
    if (kind := sniff(head)) is not None:
        return f"image/{kind}"
    video = sniff_video(head)
    return "application/octet-stream" if video is None else video.media_type


def describe(head: bytes) -> str:
    """What a refused file seems to be, with its article, for the error sentence."""
    for magic, name in _REFUSED:
        if head.startswith(magic):
            return name
    if head[4:8] == b"ftyp" and (picture := _heif(head)):
        return picture
    if sniff_video(head) is not None:
        return "a video"
    if not head:
        return "an empty file"
    printable = all(byte >= 32 or byte in b"\t\r\n" for byte in head)
    return "a text file" if printable else "no picture format that is known here"


def _heif(head: bytes) -> str | None:
    """The name of a picture in a HEIF file; None for what else begins with ``ftyp``.

    The major brand decides, unless it only says that it is HEIF: then the others tell the coding.
    """
    length = int.from_bytes(head[:4], "big")
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(length, len(head)), 4))]
    names = [next((name for name, known in _BRANDS.items() if brand in known), None) for brand in brands]
    if names[0] != "a HEIF picture":
        return names[0]
    return next((name for name in names if name not in (None, "a HEIF picture")), names[0])
