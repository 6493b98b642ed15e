"""Word documents and books as texts."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import pytest
from docx import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from model.text import documents
from model.text.errors import (
    DamagedDocumentError,
    EmptyTextError,
    NotTextError,
    ProtectedDocumentError,
    ReadingError,
    StoriesUnavailableError,
    TextTooLargeError,
)
from model.text.reading import MAX_BYTES, read_text
from tests.model.text.documents import CONTAINER, ENCRYPTION, OLE, archive, chapter, docx, epub
from tests.model.text.test_reading import PROSE

LISTED = "META-INF/encryption.xml"
WORD = nsdecls("w")
BOMB = "<!DOCTYPE html [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;'>]><html><body>&b;</body></html>"


def word(*paragraphs: str) -> bytes:
    """Paragraphs in WordprocessingML."""
    document = Document()
    for inner in paragraphs:
        document.element.body.insert(0, parse_xml(f"<w:p {WORD}>{inner}</w:p>"))
    made = io.BytesIO()
    document.save(made)
    return made.getvalue()


def with_member(data: bytes, name: str, content: bytes | Callable[[bytes], bytes]) -> bytes:
    """The archive with another content of one member."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        members = {member: file.read(member) for member in file.namelist()}
    return archive(members | {name: content(members[name]) if callable(content) else content})


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (docx("One.", "", "Two and\tthree."), "One.\n\nTwo and three."),
        (word("<w:r><w:t>here</w:t><w:br/><w:t>and </w:t><w:t>there</w:t></w:r>"), "here\nand there"),
        (  # as it reads with all changes accepted
            word(
                "<w:del w:id='1' w:author='a'><w:r><w:delText>old</w:delText></w:r></w:del>"
                "<w:moveFrom w:id='2' w:author='a'><w:r><w:t>away</w:t></w:r></w:moveFrom>"
                "<w:ins w:id='3' w:author='a'><w:r><w:t>new</w:t></w:r></w:ins>"
            ),
            "new",
        ),
        (word("<w:sdt><w:sdtContent><w:r><w:t>in a field</w:t></w:r></w:sdtContent></w:sdt>"), "in a field"),
        (
            epub({"a": chapter("<h1>A</h1><p>one</p>"), "b": chapter("<p>two</p>")}, order=("b", "a")),
            "two\n\nA\n\none",
        ),
        (epub({"a": chapter("<p>a</p>"), "n": chapter("<p>note</p>")}, order=("a", "-n")), "a"),
        (
            epub({"a": chapter("<p>one\n  <i>t</i>wo <a id='x'/>three<br/>four<!-- no --> five</p>loose")}),
            "one two three\nfour five\n\nloose",
        ),
        (epub({"a": chapter("<p>a&nbsp;&mdash;&amp; b</p>")}), "a\xa0—& b"),
        (epub({"a": "<html><body><p>never closed<br>but <b>read</body></html>"}), "never closed\nbut read"),
        (epub({"a": chapter("<p>Käfer</p>").encode("utf-16")}), "Käfer"),
        (epub({"a": chapter("<p>Käfer</p>").replace("utf-8", "latin-1").encode("latin-1")}), "Käfer"),
        (
            epub({"a": chapter("<p>a</p>")}, more={LISTED: ENCRYPTION.format(place="f.otf")}),
            "a",
        ),
    ],
)
def test_the_text_is_read_as_paragraphs(data: bytes, text: str) -> None:
    assert documents.is_document(data)
    assert documents.text_of(data) == text


PROTECTED = ENCRYPTION.format(place="OEBPS/texts/a.xhtml")
LOCKED = bytearray(epub({"a": chapter("<p>a</p>")}))
LOCKED[LOCKED.rindex(b"PK\x01\x02") + 8] |= 1  # a flag of its directory: encrypted


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        (OLE + bytes(600), NotTextError, "save it as .docx"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), ProtectedDocumentError, "password"),
        (bytes(LOCKED), ProtectedDocumentError, "password"),
        (
            epub({"a": chapter("<p>a</p>")}, more={LISTED: PROTECTED}),
            ProtectedDocumentError,
            "DRM",
        ),
        (archive({"song.txt": "la"}), NotTextError, "ZIP archive"),
        (
            archive({"META-INF/container.xml": CONTAINER.replace("oebps-package", "musicxml")}),
            NotTextError,
            "ZIP archive",
        ),
        (archive({"[Content_Types].xml": "<Types/>"}), DamagedDocumentError, "lacks"),
        (docx("A text that is cut off.")[:-200], DamagedDocumentError, "unpacked"),
        (with_member(docx("a"), "word/document.xml", b"<w:document"), DamagedDocumentError, "XML"),
        (docx(), EmptyTextError, "no text"),
        (epub({"a": chapter("<img src='page.png'/>")}), EmptyTextError, "no text"),
        (epub({"a": BOMB}), DamagedDocumentError, "entities"),
        (epub({"a": BOMB.encode("utf-16")}), DamagedDocumentError, "entities"),
        (with_member(docx("a"), "word/document.xml", BOMB.encode()), DamagedDocumentError, "entities"),
        (epub({}, more={"OEBPS/content.opf": "<package"}), DamagedDocumentError, "XML"),
        (archive({"META-INF/container.xml": CONTAINER}), DamagedDocumentError, "content.opf"),
        (epub({"a": chapter(" " * documents.MAX_XML)}), TextTooLargeError, "chapters"),
        (
            epub({f"c{i}": chapter(" " * (documents.MAX_XML // 3)) for i in range(4)}),
            TextTooLargeError,
            "chapters",
        ),
        (with_member(docx("a"), "word/media/a.png", bytes(129 * 2**20)), TextTooLargeError, "unpacks"),
        (with_member(docx("a"), "word/a.xml", b" " * (documents.MAX_XML + 1)), TextTooLargeError, "unpack"),
        (archive({str(i): "" for i in range(10_001)}), TextTooLargeError, "10,001 files"),
        (b"PK\x03\x04" + bytes(documents.MAX_FILE), TextTooLargeError, "bytes"),
        (
            with_member(docx("a"), "[Content_Types].xml", lambda xml: xml.replace(b".document.", b".sheet.")),
            NotTextError,
            "no Word document",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_a_sentence(data: bytes, error: type, said: str) -> None:
    with pytest.raises(ReadingError, match=said) as caught:
        read_text(data)
    assert type(caught.value) is error


def test_a_header_that_promises_little_is_not_believed() -> None:
    """Where it lies about the size, the archive counts as damaged."""
    data = bytearray(epub({"a": chapter("x" * 100_000)}))
    place = data.rindex(b"PK\x01\x02") + 24
    data[place : place + 4] = (10).to_bytes(4, "little")
    with pytest.raises(DamagedDocumentError):
        read_text(bytes(data))


def test_a_document_is_bounded_as_a_text_is() -> None:
    assert read_text(docx(PROSE), "name").text == PROSE.strip()
    with pytest.raises(TextTooLargeError):
        read_text(epub({"a": chapter("<p>" + "word " * (MAX_BYTES // 5 + 2) + "</p>")}))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "docx", None)
    with pytest.raises(StoriesUnavailableError, match="python-docx"):
        documents.text_of(epub({"a": chapter("<p>a</p>")}))
