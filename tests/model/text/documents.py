"""Word documents and books, made for the tests."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

from docx import Document

CONTAINER = """<?xml version="1.0"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="OEBPS/content.opf" media-type="application/oebps-package+xml"/>
</rootfiles></container>"""
ENCRYPTION = """<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"
 xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:EncryptedData><enc:CipherData>
<enc:CipherReference URI="{place}"/></enc:CipherData></enc:EncryptedData></encryption>"""
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def docx(*paragraphs: str) -> bytes:
    document = Document()
    for text in paragraphs:
        document.add_paragraph(text)
    made = io.BytesIO()
    document.save(made)
    return made.getvalue()


def chapter(body: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE html>\n<html xmlns="http://www.w3.org/1999/xhtml">'
        f"<head><title>Unseen</title><style>p {{}}</style></head><body>{body}</body></html>"
    )


def archive(members: Mapping[str, str | bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            plain = zipfile.ZIP_STORED if name == "mimetype" else None
            file.writestr(name, data, compress_type=plain)
    return made.getvalue()


def epub(
    chapters: Mapping[str, str | bytes],
    *,
    order: tuple[str, ...] | None = None,
    more: Mapping[str, str | bytes] | None = None,
) -> bytes:
    """``chapters`` by name; ``order``: of the spine, ``-name`` is not linear; ``more``: other members."""
    spine = [
        f"<itemref idref='{name.removeprefix('-')}' linear='{'no' if name[0] == '-' else 'yes'}'/>"
        for name in (order or tuple(chapters))
    ]
    items = [f'<item id="{name}" href="texts/{name}.xhtml"/>' for name in chapters]
    opf = (
        '<package xmlns="http://www.idpf.org/2007/opf"><manifest>'
        f"{''.join(items)}</manifest><spine>{''.join(spine)}</spine></package>"
    )
    members: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": CONTAINER,
        "OEBPS/content.opf": opf,
    }
    members |= {f"OEBPS/texts/{name}.xhtml": data for name, data in chapters.items()}
    return archive(members | dict(more or {}))
