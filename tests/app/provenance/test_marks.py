"""What uploads say of themselves, one example of each kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.imaging.formats import OutputFormat
from app.imaging.sniff import media_type_of
from app.provenance.marks import Marks, read_marks
from tests.support.marked import with_manifest, with_xmp
from tests.support.pictures import encoded, picture
from tests.support.signing import signer

CAPTURE = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
_VOCABULARY = "http://ns.useplus.org/ldf/vocab"


def marks_of(data: bytes, tmp_path: Path) -> Marks:
    source = tmp_path / "upload"
    source.write_bytes(data)
    return read_marks(source, media_type_of(source))[0]


@pytest.mark.parametrize(
    ("attributes", "elements", "reserved"),
    [
        (f'plus:DataMining="{_VOCABULARY}/DMI-PROHIBITED"', "", ["plus:DataMining DMI-PROHIBITED"]),
        (
            "",
            f'<plus:DataMining rdf:resource="{_VOCABULARY}/DMI-PROHIBITED-AIMLTRAINING"/>',
            ["plus:DataMining DMI-PROHIBITED-AIMLTRAINING"],
        ),
        (f'plus:DataMining="{_VOCABULARY}/DMI-ALLOWED"', "", []),
        (f'plus:DataMining="{_VOCABULARY}/DMI-UNSPECIFIED"', "", []),
        ("", "<tdm:reservation>1</tdm:reservation>", ["tdm:reservation 1"]),
        ('tdm:reservation="0"', "", []),
        (
            "",
            '<cc:license rdf:resource="https://creativecommons.org/licenses/by-nc-nd/4.0/"/>',
            ["cc:license https://creativecommons.org/licenses/by-nc-nd/4.0/"],
        ),
        ("", '<cc:license rdf:resource="https://creativecommons.org/licenses/by/4.0/"/>', []),
    ],
)
def test_reservations_in_xmp(tmp_path: Path, attributes: str, elements: str, reserved: list[str]) -> None:
    for output in OutputFormat:
        assert marks_of(with_xmp(attributes, elements, output), tmp_path).reserved == reserved


@pytest.mark.parametrize(
    ("label", "entries", "reserved"),
    [
        ("cawg", {"ai_training": "notAllowed"}, ["cawg.ai_training notAllowed"]),
        ("c2pa", {"ai_generative_training": "constrained"}, ["c2pa.ai_generative_training constrained"]),
        ("cawg", {"data_mining": "notAllowed"}, ["cawg.data_mining notAllowed"]),
        ("c2pa", {"ai_training": "allowed", "ai_inference": "notAllowed"}, []),
    ],
)
def test_reservations_in_a_manifest(
    tmp_path: Path, label: str, entries: dict[str, str], reserved: list[str]
) -> None:
    marks = marks_of(with_manifest(signer(), entries, label), tmp_path)
    assert marks.reserved == reserved
    assert marks.digital_source_type == CAPTURE
    assert marks.manifest == {
        "state": "valid",
        "signer": "Fewstroke (self-signed)",
        "generator": "A Camera",
    }


def test_a_picture_that_was_changed_after_it_was_signed(tmp_path: Path) -> None:
    data = bytearray(with_manifest(signer(), {"ai_training": "notAllowed"}))
    data[-40] ^= 1
    marks = marks_of(bytes(data), tmp_path)
    assert marks.manifest is not None
    assert marks.manifest["state"] == "invalid"
    assert marks.reserved == ["cawg.ai_training notAllowed"], "whoever changed it did not get the right to"
    assert read_marks(tmp_path / "upload", "image/jpeg")[1] is None, "no result builds on it"


def test_the_digital_source_type_in_xmp(tmp_path: Path) -> None:
    assert marks_of(with_xmp(f'Iptc4xmpExt:DigitalSourceType="{CAPTURE}"'), tmp_path) == Marks(CAPTURE)


@pytest.mark.parametrize(
    "data",
    [
        encoded(picture(), "JPEG"),
        b"<x:xmpmeta" * 1000,
        b"<x:xmpmeta></x:wrong></x:xmpmeta>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><x:xmpmeta><!ENTITY b "c">&b;</x:xmpmeta>',
        b"\xff\xd8\xff\xeb\x00\x20JP jumb c2pa",
    ],
)
def test_files_that_say_nothing_that_can_be_read(tmp_path: Path, data: bytes) -> None:
    marks = marks_of(data, tmp_path)
    assert (marks.digital_source_type, marks.reserved) == (None, [])
