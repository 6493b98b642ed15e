"""Word documents (.docx) and books (.epub) as plain text; nothing is unpacked beyond bounds, or loaded.

python-docx opens the one; the other is a ZIP archive of XHTML, read with the XML parser that python-docx
brings (lxml): the libraries for EPUB are either under the AGPL or no longer maintained.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from html.entities import html5
from typing import Any
from urllib.parse import unquote, urlsplit

from model.text.errors import (
    DamagedDocumentError,
    EmptyTextError,
    NotTextError,
    ProtectedDocumentError,
    StoriesUnavailableError,
    TextTooLargeError,
)

SUFFIXES = (".docx", ".epub")
MAX_FILE = 32 * 2**20  # bytes of a document: with its pictures
MAX_XML = 24 * 2**20  # bytes of its unpacked texts together
_MAX_UNPACKED = 128 * 2**20  # of a Word document with its pictures, which are unpacked, too
_MAX_MEMBERS = 10_000
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_CONTAINER, _ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"
_MISSING = (
    "Word documents and books need the packages lxml and python-docx: `pip install 'fewstroke[stories]'`"
)
_KINDS = (
    "The file is a ZIP archive, and neither a Word document (.docx) nor a book (.epub): send one of these, "
    "or plain text."
)
_BLOCKS = frozenset(
    (
        "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "div",
        "dl", "dt", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header",
        "hr", "li", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "td", "th", "tr", "ul",
    )
)  # fmt: skip
_UNSEEN = frozenset(("head", "script", "style", "template", "math", "svg", "rt", "rp"))
# Text that was moved, and the fallback of a drawing: both are in the document twice.
_WORD_UNSEEN = frozenset(("moveFrom", "Fallback"))
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_ENCODING = re.compile(r"""encoding=["']([\w.-]+)["']""")
_NAMED = re.compile(r"&(\w+;)")
_XML_NAMES = frozenset(("amp;", "lt;", "gt;", "quot;", "apos;"))


def is_document(data: bytes) -> bool:
    """Whether the bytes are a ZIP archive or an old Office file, and so no plain text."""
    return data.startswith((_ZIP, _OLE))


def text_of(data: bytes) -> str:
    """The text of a Word document, or of a book's chapters in their reading order.

    An empty line stands between paragraphs.

    Raises:
        ReadingError: one of its kinds.
        StoriesUnavailableError: lxml or python-docx is not installed.
    """
    if len(data) > MAX_FILE:
        raise TextTooLargeError(f"The document has more than {MAX_FILE:,} bytes: send some chapters of it.")
    if data.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in data:
            raise ProtectedDocumentError("The document has a password: save it without one.")
        raise NotTextError("The file is of an old Office (.doc): save it as .docx.")
    try:
        import docx  # noqa: F401
        import lxml  # noqa: F401
    except ImportError as error:
        raise StoriesUnavailableError(_MISSING) from error
    with _unpacking(data) as archive:
        names = set(archive.namelist())
        if "[Content_Types].xml" in names:
            text = _word(data, archive)
        elif _CONTAINER in names:
            text = _book(archive, names)
        else:
            raise NotTextError(_KINDS)
    if not text:
        raise EmptyTextError("The document has no text; of pictures nothing can be read.")
    return text


@contextmanager
def _unpacking(data: bytes) -> Iterator[zipfile.ZipFile]:
    from lxml.etree import LxmlError

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if len(members) > _MAX_MEMBERS:
                raise TextTooLargeError(
                    f"The document holds {len(members):,} files, and at most {_MAX_MEMBERS:,} are read."
                )
            if any(member.flag_bits & 1 for member in members):
                raise ProtectedDocumentError("The document has a password: save it without one.")
            yield archive
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, OSError, EOFError) as error:
        raise DamagedDocumentError(
            f"The document cannot be unpacked ({str(error) or 'it is cut off'})."
        ) from error
    except LxmlError as error:
        raise DamagedDocumentError(f"The document's XML is damaged ({error}).") from error


class _Members:
    """The XML files of an archive, read within one limit for all of them, whatever its headers promise."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive, self._room = archive, MAX_XML

    def read(self, name: str) -> bytes:
        """Raises ``TextTooLargeError``, and ``DamagedDocumentError`` for what is missing or has entities."""
        try:
            with self._archive.open(name) as file:
                data = file.read(self._room + 1)
        except KeyError as error:
            raise DamagedDocumentError(f"The document has no {name[:80]!r}, which it names.") from error
        self._room -= len(data)
        if self._room < 0:
            raise TextTooLargeError(
                f"The document's texts unpack to more than {MAX_XML:,} bytes: send some chapters of it."
            )
        if b"<!ENTITY" in data.replace(b"\0", b""):
            raise DamagedDocumentError("The document's XML declares entities, which no text needs.")
        return data


def _word(data: bytes, archive: zipfile.ZipFile) -> str:
    from docx import Document
    from docx.opc.exceptions import OpcError

    if sum(member.file_size for member in archive.infolist()) > _MAX_UNPACKED:  # python-docx unpacks all
        raise TextTooLargeError(f"The document unpacks to more than {_MAX_UNPACKED:,} bytes.")
    members = _Members(archive)
    for name in archive.namelist():
        if name.endswith((".xml", ".rels")):
            members.read(name)
    try:
        body = Document(io.BytesIO(data)).element.body
    except (OpcError, KeyError, AttributeError, TypeError) as error:
        raise DamagedDocumentError(f"The Word document lacks a part ({error}).") from error
    except ValueError as error:  # another content type
        raise NotTextError("The file is of Office, but no Word document (.docx): save it as one.") from error
    return _paragraphs(body, frozenset(("p",)), _WORD_UNSEEN, texts=frozenset(("t",)))


def _book(archive: zipfile.ZipFile, names: set[str]) -> str:
    members = _Members(archive)
    roots = _xml(members.read(_CONTAINER)).iter("{*}rootfile")
    package = next(
        (e.get("full-path") for e in roots if e.get("media-type") == "application/oebps-package+xml"), None
    )
    if package is None:
        raise NotTextError(_KINDS)
    opf = _xml(members.read(package))
    folder = posixpath.dirname(package)
    places = {e.get("id"): _place(folder, e.get("href", "")) for e in opf.iter("{*}item")}
    chapters = [
        places[e.get("idref")]
        for e in opf.iter("{*}itemref")
        if e.get("idref") in places and e.get("linear") != "no"
    ]
    if _ENCRYPTION in names:  # a book that anybody may read can have its fonts encrypted
        listed = _xml(members.read(_ENCRYPTION)).iter("{*}CipherReference")
        if {_place("", e.get("URI", "")) for e in listed} & set(chapters):
            raise ProtectedDocumentError("The book is protected against copying (DRM): send another one.")
    found = (_paragraphs(_xhtml(members.read(name)), _BLOCKS, _UNSEEN) for name in chapters)
    return "\n\n".join(text for text in found if text)


def _place(folder: str, href: str) -> str:
    return posixpath.normpath(posixpath.join(folder, unquote(urlsplit(href).path)))


def _xml(data: bytes) -> Any:
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    return etree.fromstring(data, parser)


def _xhtml(data: bytes) -> Any:
    """A chapter, parsed as browsers do where it is not well-formed XML."""
    from lxml import etree, html

    text = _decoded(data)
    named = _NAMED.sub(lambda m: m[0] if m[1] in _XML_NAMES else html5.get(m[1], m[0]), text)
    try:
        return _xml(named.encode())
    except etree.XMLSyntaxError:
        return html.document_fromstring(text, parser=html.HTMLParser(no_network=True))


def _decoded(data: bytes) -> str:
    """The characters without the XML declaration: UTF-8 or UTF-16, unless that names another encoding."""
    declaration = _DECLARATION.match(data[:200].decode("latin-1").removeprefix("\xef\xbb\xbf"))
    declared = _ENCODING.search(declaration[0]) if declaration else None
    encoding = declared[1].lower() if declared else "utf-8"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    try:
        text = data.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise DamagedDocumentError(f"A chapter is not in the encoding that it says ({error}).") from error
    return _DECLARATION.sub("", text)


def _paragraphs(
    root: Any, blocks: frozenset[str], unseen: frozenset[str], *, texts: frozenset[str] | None = None
) -> str:
    """The text of an element tree by paragraphs. ``texts``: the elements that hold it; None: all do."""
    from lxml import etree

    paragraphs: list[list[str]] = [[]]
    hidden = 0
    for event, element in etree.iterwalk(root, events=("start", "end", "comment", "pi")):
        name = etree.QName(element).localname if isinstance(element.tag, str) else ""
        if event == "start":
            hidden += name in unseen
            if name in blocks:
                paragraphs.append([])
            if hidden:
                continue
            if name in ("br", "cr", "tab"):
                paragraphs[-1].append("\n" if name != "tab" else " ")
            elif name == "noBreakHyphen":
                paragraphs[-1].append("-")
            elif texts is None or name in texts:
                paragraphs[-1].append(_text(element.text, collapse=texts is None))
        else:
            if event == "end":
                hidden -= name in unseen
                if name in blocks:
                    paragraphs.append([])
            if texts is None and not hidden and element is not root:
                paragraphs[-1].append(_text(element.tail, collapse=True))
    whole = ("".join(parts) for parts in paragraphs)
    tidy = (re.sub(r"[ \t]*\n[ \t]*", "\n", re.sub(r"[ \t]+", " ", text)).strip() for text in whole)
    return "\n\n".join(text for text in tidy if text)


def _text(text: str | None, *, collapse: bool) -> str:
    """The text of an element; ``collapse``: runs of white space are one space, as in XHTML."""
    return re.sub(r"[ \t\r\n]+", " ", text or "") if collapse else text or ""
