"""Read what an uploaded picture says of its origin, and of what may be done with it.

Runs in the decoder process: the files are strangers'. Looked at are the manifest (C2PA) and the XMP packet,
wherever in the file it stands; nothing is fetched.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from app.provenance.c2pa_settings import OFFLINE, RECORD
from app.provenance.xmp import NAMESPACE

MAX_PARENT = 128 * 1024
"""Bytes of a photo's own manifest, beyond which results name no photo as what they were made from."""

PHOTO = "photo"
"""The photo's name among the ingredients of a result."""

_BEGIN, _END = b"<x:xmpmeta", b"</x:xmpmeta>"
_MOST_PACKETS = 4
_IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
_PLUS = "{http://ns.useplus.org/ldf/xmp/1.0/}"
_TDM = "{http://www.w3.org/ns/tdmrep/}"
_CC = "{http://creativecommons.org/ns#}"
_RESOURCE = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}resource"
_TRAINING = ("c2pa.training-mining", "cawg.training-mining")
_USES = ("ai_training", "ai_generative_training", "data_mining")
_LONGEST_RECORD = 32 * 1024  # characters
_LONGEST = 200  # characters of what a stranger's file says


@dataclass(frozen=True)
class Marks:
    """``manifest``: ``{"state": "valid" | "invalid", "signer", "generator"}``; ``reserved``: what forbids to
    train on the picture or to derive works from it, in the words of the standard that says so."""

    digital_source_type: str | None = None
    manifest: dict[str, Any] | None = None
    reserved: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.digital_source_type or self.manifest or self.reserved)


def read_marks(source: Path, media_type: str) -> tuple[Marks, bytes | None]:
    """The marks of a picture, and an archive of its manifest for a result's (``signer.Claim.parent``) when
    that is valid and of a bearable size."""
    data = source.read_bytes()
    source_type, reserved = _of_xmp(data)
    manifest, parent = None, None
    if b"jumb" in data:  # the box that manifests are in
        from c2pa import C2paError, Context, Reader

        with Context.from_dict(OFFLINE) as context:
            try:
                with Reader(media_type, BytesIO(data), context=context) as reader:
                    active = reader.get_active_manifest() or {}
                    valid = reader.get_validation_state() in ("Valid", "Trusted")
            except C2paError.ManifestNotFound:
                return Marks(source_type, None, reserved), None
            except C2paError:
                unreadable = {"state": "invalid", "signer": None, "generator": None}
                return Marks(source_type, unreadable, reserved), None
            if valid:
                parent = _archive(data, media_type, context)
        generators = active.get("claim_generator_info") or []
        manifest = {
            "state": "valid" if valid else "invalid",
            "signer": _text(_dict(active.get("signature_info")).get("issuer")),
            "generator": _text(_dict(generators[0]).get("name")) if generators else None,
        }
        source_type = source_type or _source_type(active)
        reserved += _reservations(active)
    return Marks(_text(source_type), manifest, reserved), parent


def read_record(source: Path, media_type: str) -> dict[str, Any] | None:
    """How a file says that Fewstroke has made it: by its manifest, valid or not, else by its XMP."""
    data = source.read_bytes()
    found: Any = None
    if b"jumb" in data:
        from c2pa import C2paError, Context, Reader

        with (
            suppress(C2paError),
            Context.from_dict(OFFLINE) as context,
            Reader(media_type, BytesIO(data), context=context) as reader,
        ):
            assertions = _assertions(reader.get_active_manifest() or {})
            found = next((said for label, said in assertions if label == RECORD), None)
    if found is None:
        for packet in _packets(data):
            with suppress(ElementTree.ParseError, ValueError):
                said = dict(_properties(ElementTree.fromstring(packet))).get(f"{{{NAMESPACE}}}record")
                found = json.loads(said) if said else found
    short = found is not None and len(json.dumps(found)) <= _LONGEST_RECORD
    return found if short and isinstance(found, dict) else None


def _of_xmp(data: bytes) -> tuple[str | None, list[str]]:
    """The digital source type, and what is reserved."""
    source_type: str | None = None
    reserved: list[str] = []
    for packet in _packets(data):
        try:
            root = ElementTree.fromstring(packet)
        except ElementTree.ParseError:
            continue
        for name, value in _properties(root):
            if name == f"{_IPTC}DigitalSourceType":
                source_type = source_type or value
            elif name == f"{_PLUS}DataMining" and "PROHIBITED" in value.upper():
                reserved.append(f"plus:DataMining {value.rpartition('/')[2]}")
            elif name == f"{_TDM}reservation" and value == "1":
                reserved.append("tdm:reservation 1")
            elif name == f"{_CC}license" and re.search(r"/licenses/by(-nc)?-nd/", value):
                reserved.append(f"cc:license {value}")
    return source_type, [text for each in reserved if (text := _text(each))]


def _packets(data: bytes) -> Iterator[bytes]:
    start = 0
    for _ in range(_MOST_PACKETS):
        start = data.find(_BEGIN, start)
        end = data.find(_END, start) + len(_END)
        if start < 0 or end < len(_END):
            return
        if b"<!ENTITY" not in data[start:end]:  # they may be bombs, and no packet needs them
            yield data[start:end]
        start = end


def _properties(root: ElementTree.Element) -> list[tuple[str, str]]:
    """Simple properties, which stand as attributes or as elements."""
    found: list[tuple[str, str]] = []
    for element in root.iter():
        found += element.attrib.items()
        found.append((element.tag, (element.get(_RESOURCE) or element.text or "").strip()))
    return found


def _reservations(manifest: dict[str, Any]) -> list[str]:
    """What the assertions about training and mining do not allow."""
    return [
        f"{name} {entry['use']}"[:_LONGEST]
        for label, data in _assertions(manifest)
        if label.partition("__")[0] in _TRAINING
        for name, entry in _dict(data.get("entries")).items()
        if name.rpartition(".")[2] in _USES and _dict(entry).get("use") in ("notAllowed", "constrained")
    ]


def _source_type(manifest: dict[str, Any]) -> str | None:
    """Of the last action that names one."""
    named = [
        _dict(action).get("digitalSourceType")
        for label, data in _assertions(manifest)
        if label.startswith("c2pa.actions")
        for action in data.get("actions") or []
    ]
    return next((_text(each) for each in reversed(named) if each), None)


def _assertions(manifest: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(str(each.get("label")), _dict(each.get("data"))) for each in manifest.get("assertions") or []]


def _dict(value: Any) -> dict[str, Any]:
    """Itself, or nothing: strangers write what they like."""
    return value if isinstance(value, dict) else {}


def _archive(data: bytes, media_type: str, context: Any) -> bytes | None:
    from c2pa import Builder

    archive = BytesIO()
    with Builder({}, context=context) as builder:
        photo = {"title": "the photo", "label": PHOTO, "relationship": "parentOf"}
        builder.add_ingredient(photo, media_type, BytesIO(data))
        builder.write_ingredient_archive(PHOTO, archive)
    return archive.getvalue() if archive.tell() <= MAX_PARENT else None


def _text(value: Any) -> str | None:
    """What can be shown of it."""
    if not isinstance(value, str):
        return None
    return "".join(letter for letter in value if letter.isprintable())[:_LONGEST] or None
