"""Read an uploaded score in the decoder process, and write down what a worker gets: plain notes."""

import json
from pathlib import Path

from app.errors import (
    AppError,
    ServiceUnavailableError,
    WorkDamagedError,
    WorkEmptyError,
    WorkFormatUnsupportedError,
    WorkTooLargeError,
)
from model.music import errors
from model.music.notes_json import score_to_dict
from model.music.reading import read_work

_REFUSED: dict[type[errors.MusicError], type[AppError]] = {
    errors.UnknownWorkFormatError: WorkFormatUnsupportedError,
    errors.RecordingError: WorkFormatUnsupportedError,
    errors.DamagedWorkError: WorkDamagedError,
    errors.UnsafeXmlError: WorkDamagedError,
    errors.WorkTooLargeError: WorkTooLargeError,
    errors.EmptyWorkError: WorkEmptyError,
    errors.DrumsOnlyError: WorkEmptyError,
    errors.MusicUnavailableError: ServiceUnavailableError,
}
_MAX_BYTES = 32 * 2**20  # no format is read beyond; more is not even loaded


def read_score(source: Path, target: Path, name: str) -> tuple[str, str]:
    """From MIDI, MusicXML or MXL to JSON. Raises a WorkError whose sentence says what a good example is."""
    try:
        if source.stat().st_size > _MAX_BYTES:
            raise errors.WorkTooLargeError(f"The file has more than {_MAX_BYTES:,} bytes.")
        score = read_work(source.read_bytes(), title=name)
    except errors.MusicError as error:
        raise _REFUSED.get(type(error), WorkDamagedError)(str(error)) from error
    target.write_text(json.dumps(score_to_dict(score), separators=(",", ":")), encoding="utf-8")
    return "application/json", "json"
