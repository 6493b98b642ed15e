"""Read an uploaded text in the decoder process, and write down what a worker gets."""

from pathlib import Path

from app.errors import (
    AppError,
    ServiceUnavailableError,
    WorkDamagedError,
    WorkEmptyError,
    WorkFormatUnsupportedError,
    WorkTooLargeError,
)
from model.text import errors
from model.text.documents import MAX_FILE
from model.text.poems.poem import is_verse, read_poems
from model.text.reading import language_of, read_text, text_to_bytes

REFUSED: dict[type[errors.TextError], type[AppError]] = {
    errors.NotTextError: WorkFormatUnsupportedError,
    errors.EncodingError: WorkFormatUnsupportedError,
    errors.ProtectedDocumentError: WorkFormatUnsupportedError,
    errors.LanguageError: WorkFormatUnsupportedError,
    errors.TextTooLargeError: WorkTooLargeError,
    errors.EmptyTextError: WorkEmptyError,
    errors.MonotonousTextError: WorkEmptyError,
    errors.StoriesUnavailableError: ServiceUnavailableError,
}
"""What is said over HTTP of a text that cannot be learned from."""


def read_verse(source: Path, target: Path, name: str) -> tuple[str, str]:
    """From UTF-8 to JSON. Raises a WorkError whose sentence says what a good example is."""
    try:
        with source.open("rb") as file:
            text = read_text(file.read(MAX_FILE + 1), name)
        if language_of([text]) != "zh":
            raise errors.LanguageError("The text is English, and poems are learned in Chinese.")
        poems = read_poems(text.text)
        if not poems:
            raise errors.EmptyTextError("No poem was found in the text.")
        if not is_verse(poems, text.text):
            raise errors.LanguageError("The text is Chinese prose, and only verse can be learned in Chinese.")
    except (errors.ReadingError, errors.StoriesUnavailableError) as error:
        raise REFUSED.get(type(error), WorkDamagedError)(str(error)) from error
    target.write_bytes(text_to_bytes(text))
    return "application/json", "json"
