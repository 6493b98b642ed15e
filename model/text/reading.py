"""Reads files of text: what they are by their bytes, their language, and whether anything can be learned."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from model.text import documents
from model.text.errors import (
    EmptyTextError,
    EncodingError,
    LanguageError,
    MonotonousTextError,
    NotTextError,
    TextTooLargeError,
)

MAX_BYTES = 4 * 2**20  # of one text
MAX_TEXTS = 16
LEAST_ENGLISH = 400  # letters, of all texts together
LEAST_CHINESE = 20
_MONOTONOUS = 12.0  # times that zlib makes a text smaller: prose has 2 to 3, poems less

Language = Literal["en", "zh"]
_BOMS = ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
_ENGLISH = {
    "the", "and", "of", "to", "a", "in", "that", "he", "was", "his", "her", "it", "with", "as", "had", "for",
    "at", "on", "is", "not", "but", "be", "you", "i", "they", "him", "she",
}  # fmt: skip


@dataclass(frozen=True)
class Text:
    """One text to learn from.

    Attributes:
        title: the file's name, for readers.
        text: its characters, line ends as \\n.
    """

    title: str
    text: str


def read_text(data: bytes, title: str = "") -> Text:
    """The characters of a file: of plain text, of a Word document or of a book (``model.text.documents``).

    Raises:
        TextTooLargeError: more than 4 MiB of text.
        NotTextError: a picture, an archive, a program.
        EncodingError: text in another encoding than UTF-8.
        EmptyTextError: no letters.
        MonotonousTextError: one word a thousand times.
        ProtectedDocumentError, DamagedDocumentError: of documents.
        StoriesUnavailableError: a package that documents need is not installed.
    """
    text = documents.text_of(data) if documents.is_document(data) else _plain(data)
    encoded = text.encode(errors="replace")
    if len(encoded) > MAX_BYTES:
        raise _too_large()
    text = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    if not any(map(str.isalpha, text)):
        raise EmptyTextError("The text is empty, or has no letters.")
    if len(encoded) > 400 and len(encoded) / len(zlib.compress(encoded)) > _MONOTONOUS:
        raise MonotonousTextError("The text repeats the same few words: there is nothing to learn from it.")
    return Text(title, text)


def _plain(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise _too_large()
    for bom, name in _BOMS:
        if data.startswith(bom):
            raise EncodingError(f"The text is in {name}: save it as UTF-8.")
    if b"\0" in data[:65536]:
        raise NotTextError("The file is no text, but binary data.")
    try:
        text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as error:
        if _CONTROL.search(data[:4096].decode("latin-1")):
            raise NotTextError("The file is no text, but binary data.") from error
        raise EncodingError(
            "The text is not in UTF-8 (perhaps in GB 18030, Big5 or Latin-1): save it as UTF-8."
        ) from error
    if len(_CONTROL.findall(text)) * 100 > len(text):
        raise NotTextError("The file is no text, but binary data.")
    return text


def _too_large() -> TextTooLargeError:
    return TextTooLargeError(f"The text has more than {MAX_BYTES:,} bytes: send some chapters of it.")


def text_to_bytes(text: Text) -> bytes:
    """For keeping: JSON in UTF-8."""
    return json.dumps({"title": text.title, "text": text.text}, ensure_ascii=False).encode()


def text_from_bytes(data: bytes) -> Text:
    """What ``text_to_bytes`` wrote. Raises ``NotTextError``."""
    try:
        values = json.loads(data)
        return Text(str(values["title"]), str(values["text"]))
    except (ValueError, KeyError, TypeError) as error:
        raise NotTextError(f"The stored text cannot be read ({error!r}): send it again.") from error


def language_of(texts: Sequence[Text]) -> Language:
    """The language of texts that are learned from together.

    Raises:
        LanguageError: another language, or English beside Chinese.
        EmptyTextError: too little.
        TextTooLargeError: too many.
    """
    if not texts:
        raise EmptyTextError("There are no texts to learn from.")
    if len(texts) > MAX_TEXTS:
        raise TextTooLargeError(f"There are {len(texts)} texts, and at most {MAX_TEXTS} are learned from.")
    found = {_language(text.text) for text in texts}
    if len(found) > 1:
        raise LanguageError("The texts are in several languages: learn from one language at a time.")
    language = found.pop()
    total = sum(sum(map(str.isalpha, text.text)) for text in texts)
    least = LEAST_CHINESE if language == "zh" else LEAST_ENGLISH
    if total < least:
        raise EmptyTextError(
            f"The texts have {total} letters together, and at least {least} are needed to learn from."
        )
    return language


def begins_in_english(head: bytes) -> bool:
    """Whether the first bytes of a file are English words; they may end within a character."""
    head = head.removeprefix(b"\xef\xbb\xbf")
    text = head.decode("utf-8", errors="ignore")
    if len(text.encode()) < len(head) - 3 or _CONTROL.search(text):
        return False
    try:
        return _language(text) == "en"
    except LanguageError:
        return False


def _language(text: str) -> Language:
    letters = [c for c in text if c.isalpha()]
    chinese = sum("\u3400" <= c <= "\u9fff" or c >= "\U00020000" for c in letters)
    if chinese > 0.8 * len(letters):
        return "zh"
    words = re.findall(r"[^\W\d_]+", text.lower())
    common = sum(word in _ENGLISH for word in words)
    if chinese < 0.02 * len(letters) and common > 0.15 * len(words):
        return "en"
    if chinese > 0.1 * len(letters):
        raise LanguageError("The text mixes Chinese with another language: send one language only.")
    raise LanguageError("The text is neither in English nor in Chinese, the two languages that are known.")
