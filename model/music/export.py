"""A score in every form that is handed out, by the name of the form."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from io import BytesIO

from model.music.audio import render_audio
from model.music.engraving import engrave, engrave_pdf
from model.music.errors import ControlsError
from model.music.midi import write_midi
from model.music.musicxml import write_musicxml
from model.music.notes_json import score_to_dict
from model.music.piano_roll import draw_piano_roll
from model.music.score import Score

CONTAINER = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<container><rootfiles>'
    '<rootfile full-path="score.musicxml" media-type="application/vnd.recordare.musicxml+xml"/>'
    "</rootfiles></container>\n"
)


def write_mxl(score: Score) -> bytes:
    """Compressed MusicXML."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/container.xml", CONTAINER)
        archive.writestr("score.musicxml", write_musicxml(score))
    return out.getvalue()


_WRITERS: dict[str, Callable[[Score], bytes]] = {
    "mid": write_midi,
    "musicxml": write_musicxml,
    "mxl": write_mxl,
    "wav": lambda score: render_audio(score, "wav"),
    "opus": lambda score: render_audio(score, "opus"),
    "svg": lambda score: engrave(score, trimmed=True)[0].encode(),
    "pdf": engrave_pdf,
    "png": draw_piano_roll,
    "json": lambda score: (json.dumps(score_to_dict(score), indent=1) + "\n").encode(),
}


def export(score: Score, form: str) -> bytes:
    """The score as ``form``, one of ``model.music.limits.MEDIA_TYPES``.

    "svg" is the first page, "png" the piano roll.

    Raises:
        ControlsError: an unknown form.
        MusicError: a package that the form needs is missing.
    """
    if form not in _WRITERS:
        raise ControlsError(f"A score can be had as {', '.join(_WRITERS)}, not as {form[:20]!r}.")
    return _WRITERS[form](score)
