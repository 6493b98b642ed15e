"""Music as a medium: MIDI, MusicXML and MXL in, compositions out."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from app.http.forms import FileRule
from app.medium import Medium, Resource
from app.music.schemas import CompositionOptions, CompositionOut, check_options
from app.settings import MIB, Settings
from app.styles.tensors import check_phi
from model.formats import default_checkpoint
from model.music.limits import MAX_STEPS, MEDIA_TYPES
from model.music.sniffing import sniff

NAME = "music"
WORKS = "MIDI, MusicXML or MXL"
_SUFFIXES = (".mid", ".midi", ".kar", ".musicxml", ".mxl")
_IN_MXL = (b"META-INF/", b"mimetype", b".musicxml")
_TEXTS = (".docx", ".epub")  # archives, too
_ROOTS = (b"<score-partwise", b"<score-timewise", b"musicxml")
_SOUND = (b"ID3", b"fLaC", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"\xff\xf1", b"\xff\xf9", b"FORM")
_DEFAULT_STEPS = 6
_STEP = 5.0  # renderings that an inner step takes as long as: about a second on two cores


def claims(head: bytes, name: str) -> bool:
    """Scores, by their bytes; recordings, and whatever is called like a score, so that the sentence which
    refuses it tells of music."""
    plain = name.lower()
    if plain.endswith(_SUFFIXES):
        return True
    kind = sniff(head)
    if kind == "mxl":  # a ZIP archive, which may hold anything
        text = plain.endswith(_TEXTS) or b"application/epub+zip" in head
        return not text and any(mark in head for mark in _IN_MXL)
    if kind == "musicxml":
        return any(root in head.replace(b"\0", b"").lower() for root in _ROOTS)
    if kind == "recording":
        return head.startswith(_SOUND) or head[8:12] == b"WAVE" or b"OpusHead" in head or b"vorbis" in head
    return kind == "midi"


def cost(options: Mapping[str, Any]) -> float:
    """Of a request: by bars, and the forms of each result."""
    infill = options.get("infill")
    bars = infill[1] - infill[0] + 1 if infill else options["bars"]
    return float(options["count"] * (1.5 * bars + 5.0))


def _primer(settings: Settings) -> dict[str, FileRule]:
    return {"primer": FileRule(0, 1, min(settings.max_upload_bytes, 24 * MIB), what=WORKS, sample="song.mid")}


MUSIC = Medium(
    name=NAME,
    works=WORKS,
    sample="song.mid",
    claims=claims,
    reader="app.music.reader:read_score",
    checkpoint=lambda settings: settings.music_checkpoint or default_checkpoint(NAME),
    check_style=partial(
        check_phi,
        examples={"index/events": "U16", "index/bars": "U16", "index/lines": "I32"},
        about=("profile", "works"),
    ),
    max_steps=MAX_STEPS,
    cost=lambda steps, examples: examples + _STEP * (_DEFAULT_STEPS if steps is None else steps),
    resource=Resource(
        path="compositions",
        noun="composition",
        prefix="cmp",
        options=CompositionOptions,
        out=CompositionOut,
        forms=MEDIA_TYPES,
        cost=cost,
        files=_primer,
        repeated=frozenset({"forms"}),
        check=check_options,
        about="Name a style of music that is ready, or several with weights to blend them, and what the "
        "composition is to be: what is not asked for is as in the examples. With a `primer` (a score) "
        "it goes on from its end, or with `infill` writes bars in its midst anew; the files hold the new "
        "bars, `whole.mid` and `whole.musicxml` also the primer's. Every result comes with a report on how "
        "original it is.",
    ),
)
