"""Typed errors of the music side. Each says what a good example is, or what to do next."""

from __future__ import annotations

from model.errors import ModelError

GOOD_EXAMPLE = (
    "A good example is a MIDI, MusicXML or MXL file of a song for voice and piano: the voice on a track of "
    "its own, note values as written (quantised), with time and key signatures, at least eight bars."
)


class MusicError(ModelError):
    """Base of the errors about works and compositions; ``code`` names the problem for machines."""

    code = "music"


class WorkError(MusicError):
    """A file is no work that can be learned from."""

    code = "bad_work"

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem} {GOOD_EXAMPLE}")


class UnknownWorkFormatError(WorkError):
    """The bytes are neither MIDI nor MusicXML nor MXL."""

    code = "unknown_work_format"


class RecordingError(WorkError):
    """The bytes are a recording (WAV, MP3, OGG, FLAC, AAC), not notes."""

    code = "recording"


class DamagedWorkError(WorkError):
    """The file breaks the rules of its format."""

    code = "damaged_work"


class WorkTooLargeError(WorkError):
    """More bytes, tracks, notes or bars than are read."""

    code = "work_too_large"


class EmptyWorkError(WorkError):
    """No notes, or too few to learn from."""

    code = "empty_work"


class DrumsOnlyError(WorkError):
    """Notes, but on the percussion channel alone."""

    code = "drums_only"


class UnsafeXmlError(WorkError):
    """XML that defines entities."""

    code = "unsafe_xml"


class MusicStyleError(MusicError):
    """A style file is not one of music, or not one of this checkpoint."""

    code = "bad_style"


class ControlsError(MusicError):
    """A request for a composition that cannot be met; the text says which control, and what is possible."""

    code = "bad_controls"


class CompositionFailedError(MusicError):
    """Sampling found no way on within its bounds."""

    code = "composition_failed"


class MusicUnavailableError(MusicError):
    """A package of the extra ``music`` is not installed."""

    code = "music_unavailable"


class AudioUnavailableError(MusicError):
    """The synthesizer or a SoundFont is missing."""

    code = "audio_unavailable"


class EngravingUnavailableError(MusicError):
    """The package ``verovio`` is not installed."""

    code = "engraving_unavailable"
