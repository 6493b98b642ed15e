"""Typed errors of texts. Each says what a good example is, or what to do next."""

from __future__ import annotations

from model.errors import ModelError

GOOD_EXAMPLE = (
    "A good example is a text file in UTF-8: some pages of an author's prose in English (also as .docx or "
    ".epub), or Chinese poems, a title in 《》 and an empty line between two of them."
)


class TextError(ModelError):
    """Base of the errors about texts; ``code`` names the problem for machines."""

    code = "text"


class ReadingError(TextError):
    """A file is no text that can be learned from."""

    code = "bad_text"

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem} {GOOD_EXAMPLE}")


class NotTextError(ReadingError):
    """The bytes are not text."""

    code = "not_text"


class EncodingError(ReadingError):
    """Text, but in another encoding than UTF-8."""

    code = "bad_encoding"


class ProtectedDocumentError(ReadingError):
    """A document with a password, or a book protected against copying."""

    code = "protected_document"


class DamagedDocumentError(ReadingError):
    """A document that breaks the rules of its format."""

    code = "damaged_document"


class TextTooLargeError(ReadingError):
    """More bytes, characters or texts than are read."""

    code = "text_too_large"


class EmptyTextError(ReadingError):
    """Nothing to learn from, or too little."""

    code = "empty_text"


class MonotonousTextError(ReadingError):
    """The same few words over and over."""

    code = "monotonous_text"


class LanguageError(ReadingError):
    """Neither English prose nor Chinese poems, or both at once."""

    code = "unknown_language"


class WritingError(TextError):
    """A request for a poem or a story that cannot be met; the text says which part, and what is possible."""

    code = "bad_request"


class WritingFailedError(TextError):
    """Sampling found no way on within its bounds."""

    code = "writing_failed"


class StoriesUnavailableError(TextError):
    """A package that stories, documents or simplified characters need is not installed."""

    code = "stories_unavailable"
