"""What a file is, by its first bytes. Imports nothing: callers ask before they load anything."""

from __future__ import annotations

_RECORDINGS = (
    b"ID3",
    b"OggS",
    b"fLaC",
    b"\xff\xfb",
    b"\xff\xf3",
    b"\xff\xf2",
    b"\xff\xf1",
    b"\xff\xf9",
    b"FORM",
)
_XML = (b"<?xml", b"<!DOCTYPE", b"<score-", b"<!--")


def sniff(data: bytes) -> str | None:
    """ "midi", "mxl", "musicxml", "recording", or None for anything else; looks at the first bytes only."""
    head = data[:64]
    if head[:4] == b"MThd" or (head[:4] == b"RIFF" and head[8:12] == b"RMID"):
        return "midi"
    if head[:4] == b"PK\x03\x04":
        return "mxl"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(_XML) or (head[:2] in (b"\xff\xfe", b"\xfe\xff") and b"<" in head):
        return "musicxml"
    if head.startswith(_RECORDINGS) or head[:4] == b"RIFF" or head[4:8] == b"ftyp":
        return "recording"
    return None
