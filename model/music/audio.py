"""Sound: a score played by the instruments of a SoundFont, as WAV or Opus."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from model.music.errors import AudioUnavailableError
from model.music.midi import write_midi
from model.music.score import Score

SOUNDFONT_VARIABLE = "FEWSTROKE_SOUNDFONT"
_DEBIAN = ("TimGM6mb.sf2", "FluidR3_GM.sf2", "default-GM.sf2")
_FOLDERS = (Path("/usr/share/sounds/sf2"), Path("/usr/share/soundfonts"))
_MAX_FONT_BYTES = 400 * 2**20


def find_soundfont(path: Path | None = None) -> Path:
    """The SoundFont to play with.

    In this order: ``path``, the variable FEWSTROKE_SOUNDFONT, a Debian package (timgm6mb-soundfont, GPL-2;
    fluid-soundfont-gm, MIT), the package pretty-midi (TimGM6mb, GPL-2).

    Raises:
        AudioUnavailableError: none is there.
    """
    named = path or (Path(os.environ[SOUNDFONT_VARIABLE]) if os.environ.get(SOUNDFONT_VARIABLE) else None)
    if named is not None:
        if not named.is_file():
            raise AudioUnavailableError(f"There is no SoundFont at {named}: name an .sf2 file.")
        return named
    for folder in _FOLDERS:
        for name in _DEBIAN:
            if (folder / name).is_file():
                return folder / name
    spec = find_spec("pretty_midi")
    for place in (spec.submodule_search_locations if spec else None) or ():
        if (shipped := Path(place) / "TimGM6mb.sf2").is_file():
            return shipped
    raise AudioUnavailableError(
        "No SoundFont is installed: install the package `pretty-midi` or Debian's `timgm6mb-soundfont`, or "
        f"name an .sf2 file in {SOUNDFONT_VARIABLE}."
    )


def render_audio(
    score: Score, form: Literal["wav", "opus"] = "wav", *, soundfont: Path | None = None
) -> bytes:
    """The score as sound, stereo: WAV (44.1 kHz, 16 bit) or Ogg Opus.

    Raises:
        AudioUnavailableError: the package ``midirenderer`` or a SoundFont is missing, or the font is damaged.
    """
    font = find_soundfont(soundfont)
    try:
        import midirenderer
    except ImportError as error:
        raise AudioUnavailableError(
            "Sound needs the package `midirenderer`: install fewstroke[music]."
        ) from error
    if font.stat().st_size > _MAX_FONT_BYTES:
        raise AudioUnavailableError(f"The SoundFont {font} is larger than {_MAX_FONT_BYTES:,} bytes.")
    midi = write_midi(score)
    try:
        if form == "opus":
            return midirenderer.render_opus_from(font.read_bytes(), midi)
        return midirenderer.render_wave_from(font.read_bytes(), midi)
    except (ValueError, RuntimeError) as error:
        raise AudioUnavailableError(
            f"The SoundFont {font} cannot be played ({error}): name another."
        ) from error
