"""What a file is, by its first bytes: names and declared media types are not believed."""

from enum import StrEnum


class InputFormat(StrEnum):
    """The formats that are accepted as input."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    GIF = "gif"  # where moving pictures are


HEAD = 32  # bytes that `sniff` needs

_REFUSED: tuple[tuple[bytes, str], ...] = (
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\x00", "a TIFF"),
    (b"MM\x00*", "a TIFF"),
    (b"%PDF", "a PDF"),
    (b"8BPS", "a Photoshop file"),
    (b"<svg", "an SVG"),
    (b"<?xml", "an XML or SVG file"),
    (b"\x00\x00\x01\x00", "an icon"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
)


def sniff(head: bytes) -> InputFormat | None:
    """The format of a file that starts with ``head``, or None when it is none of ours."""
    if head.startswith(b"\xff\xd8\xff"):
        return InputFormat.JPEG
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return InputFormat.GIF
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return InputFormat.PNG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return InputFormat.WEBP
    return None


def describe(head: bytes) -> str:
    """What a refused file seems to be, with its article, for the error sentence."""
    for magic, name in _REFUSED:
        if head.startswith(magic):
            return name
    if head[4:8] == b"ftyp":
        return (
            "a HEIC or AVIF picture" if head[8:11] in (b"hei", b"hev", b"mif", b"avi", b"msf") else "a video"
        )
    if not head:
        return "an empty file"
    printable = all(byte >= 32 or byte in b"\t\r\n" for byte in head)
    return "a text file" if printable else "no picture format that is known here"
