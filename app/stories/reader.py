"""Read an uploaded text in the decoder process, and write down what a worker gets."""

from pathlib import Path

from app.errors import WorkDamagedError
from app.poems.reader import REFUSED
from model.text import errors
from model.text.documents import MAX_FILE
from model.text.reading import language_of, read_text, text_to_bytes


def read_prose(source: Path, target: Path, name: str) -> tuple[str, str]:
    """From UTF-8, .docx or .epub to JSON. Raises a WorkError whose sentence says what a good example is."""
    try:
        with source.open("rb") as file:
            text = read_text(file.read(MAX_FILE + 1), name)
        if language_of([text]) != "en":
            raise errors.LanguageError(
                "The text is Chinese, wholly or in part: poems are learned from plain text (.txt)."
            )
    except (errors.ReadingError, errors.StoriesUnavailableError) as error:
        raise REFUSED.get(type(error), WorkDamagedError)(str(error)) from error
    target.write_bytes(text_to_bytes(text))
    return "application/json", "json"
