"""A work from the bytes of a file, whatever its format; the bytes decide, not the file's name."""

from __future__ import annotations

from model.music.errors import EmptyWorkError, RecordingError, UnknownWorkFormatError, WorkTooLargeError
from model.music.midi import read_midi
from model.music.musicxml import MAX_XML_BYTES, read_musicxml, read_mxl
from model.music.score import Score
from model.music.sniffing import sniff

MAX_MIDI_BYTES = 2 * 2**20
MAX_MXL_BYTES = 4 * 2**20


def read_work(data: bytes, *, title: str = "") -> Score:
    """The score of a MIDI, MusicXML or MXL file.

    Args:
        data: the whole file.
        title: used where the file has none of its own.

    Raises:
        WorkError: one of its kinds; the text says what is wrong and what a good example is.
    """
    if not data:
        raise EmptyWorkError("The file is empty.")
    kind = sniff(data)
    limits = {"midi": MAX_MIDI_BYTES, "mxl": MAX_MXL_BYTES, "musicxml": MAX_XML_BYTES}
    if kind == "recording":
        raise RecordingError("The file is a recording: it holds sound, and notes are needed.")
    if kind is None:
        raise UnknownWorkFormatError("The file is neither MIDI nor MusicXML nor MXL.")
    if len(data) > limits[kind]:
        raise WorkTooLargeError(f"The file has {len(data):,} bytes, and at most {limits[kind]:,} are read.")
    if kind == "midi":
        return read_midi(data[20:] if data[:4] == b"RIFF" else data, title=title)
    return read_mxl(data, title=title) if kind == "mxl" else read_musicxml(data, title=title)
