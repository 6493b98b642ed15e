"""Signed manifests, as c2pa's own reader reads them."""

from __future__ import annotations

import json
import stat
import wave
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fpdf import FPDF
from PIL import Image

from app.errors import ConfigError
from app.provenance.c2pa_settings import RECORD
from app.provenance.certificates import AUTHORITY, AUTHORITY_KEY, SIGNING, folder_of, make
from app.provenance.signer import Claim, Signer
from app.settings import Settings
from tests.support.manifests import read, state
from tests.support.pictures import encoded, picture

RECORD_OF = {"base_hash": "b" * 64, "styles": [{"id": "sty_1", "weight": 1.0, "k": 5}], "strength": 0.5}
FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP", "image/gif": "GIF"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def signer(settings: Settings) -> Signer:
    return Signer.of(settings)


@pytest.mark.parametrize("media_type", FORMATS)
def test_a_picture_says_how_it_was_made(signer: Signer, settings: Settings, media_type: str) -> None:
    plain = encoded(picture(320, 240), FORMATS[media_type])
    signed = signer.sign(plain, media_type, Claim(RECORD_OF))
    anchor = (folder_of(settings) / AUTHORITY).read_text()
    assert state(signed, media_type) == "Valid"
    assert state(signed, media_type, anchor) == "Trusted"
    manifest = read(signed, media_type)
    assertions = {each["label"]: each["data"] for each in manifest["assertions"]}
    created, edited = assertions["c2pa.actions.v2"]["actions"]
    assert (created["action"], edited["action"]) == ("c2pa.created", "c2pa.edited")
    for action in (created, edited):
        assert action["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert datetime.now(UTC) - datetime.fromisoformat(edited["when"]) < timedelta(minutes=5)
    assert assertions[RECORD] == RECORD_OF
    assert "thumbnail" not in json.dumps(manifest)
    assert len(signed) - len(plain) < 15_000
    with Image.open(BytesIO(plain)) as before, Image.open(BytesIO(signed)) as after:
        assert after.convert("RGB").tobytes() == before.convert("RGB").tobytes()


@pytest.mark.parametrize("media_type", FORMATS)
def test_a_changed_pixel_is_told(signer: Signer, media_type: str) -> None:
    """The pixels of another picture under the manifest of this one."""
    plain, other = (encoded(picture(320, 240, seed=seed), FORMATS[media_type]) for seed in (1, 2))
    signed = signer.sign(plain, media_type, Claim(RECORD_OF))
    at = next(i for i in range(len(plain) // 2, len(plain)) if plain[i] != other[i])
    place = signed.index(plain[at - 20 : at + 20]) + 20
    changed = signed[:place] + bytes([signed[place] ^ 1]) + signed[place + 1 :]
    assert state(changed, media_type) == "Invalid"


def test_a_work_of_the_model_alone_is_no_composite(signer: Signer) -> None:
    signed = signer.sign(encoded(picture()), "image/png", Claim({}, composed=True))
    (actions,) = (
        each["data"]["actions"]
        for each in read(signed, "image/png")["assertions"]
        if each["label"] == "c2pa.actions.v2"
    )
    assert [(each["action"], each["digitalSourceType"].rpartition("/")[2]) for each in actions] == [
        ("c2pa.created", "trainedAlgorithmicMedia")
    ]


def test_sound_and_scores(signer: Signer) -> None:
    sound = BytesIO()
    with wave.open(sound, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes(8000))
    score = FPDF()
    score.add_page()
    for data, media_type in ((sound.getvalue(), "audio/wav"), (bytes(score.output()), "application/pdf")):
        signed = signer.sign(data, media_type, Claim({}, composed=True))
        assert state(signed, media_type) == "Valid"
        if media_type == "audio/wav":
            assert state(signed[:100] + b"\x01" + signed[101:], media_type) == "Invalid"


def test_several_threads_sign(signer: Signer) -> None:
    pictures = [encoded(picture(seed=seed)) for seed in range(24)]
    with ThreadPoolExecutor(4) as pool:
        signed = list(pool.map(lambda data: signer.sign(data, "image/png", Claim(RECORD_OF)), pictures))
    assert {state(data, "image/png") for data in signed} == {"Valid"}


def test_what_holds_no_manifest(signer: Signer) -> None:
    kinds = ("audio/midi", "audio/ogg", "video/webm", "video/matroska", "text/plain")
    assert not any(map(signer.signs, kinds))
    assert all(
        map(signer.signs, ("image/apng", "video/mp4", "video/quicktime", "audio/wav", "application/pdf"))
    )


def test_certificates_are_private_and_stay(settings: Settings) -> None:
    Signer.of(settings)
    folder = folder_of(settings)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(before) == {SIGNING, AUTHORITY, AUTHORITY_KEY}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    Signer.of(settings)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_new_key_has_the_same_authority(settings: Settings) -> None:
    old = Signer.of(settings).sign(encoded(picture()), "image/png", Claim({}))
    folder = folder_of(settings)
    before = (folder / SIGNING).read_bytes()
    make(folder)
    assert (folder / SIGNING).read_bytes() != before
    anchor = (folder / AUTHORITY).read_text()
    new = Signer.of(settings).sign(encoded(picture()), "image/png", Claim({}))
    assert (state(old, "image/png", anchor), state(new, "image/png", anchor)) == ("Trusted", "Trusted")


def test_an_operators_own_certificate(tmp_path: Path, settings: Settings) -> None:
    make(tmp_path / "own", "A Gallery")
    own = Settings(data_dir=settings.data_dir, signing_certificate=tmp_path / "own" / SIGNING)
    signed = Signer.of(own).sign(encoded(picture()), "image/png", Claim({}))
    assert read(signed, "image/png")["signature_info"]["issuer"] == "A Gallery"
    assert not folder_of(settings).exists()


def _own(folder: Path, *, days: int = 10, usable: bool = True) -> tuple[Path, Path]:
    """A certificate and its key, each in a file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "A Gallery")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=20))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, SHA256())
    )
    folder.mkdir()
    (folder / "chain.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return folder / "chain.pem", folder / "key.pem"


def _refusal(**paths: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        Signer.of(Settings(**paths))
    return str(caught.value)


def test_certificates_that_cannot_be_used(tmp_path: Path) -> None:
    chain, key = _own(tmp_path / "web")
    said = _refusal(signing_certificate=chain, signing_key=key)
    assert "cannot be signed with this certificate" in said
    assert "key usage" in said
    assert "cannot be read" in _refusal(signing_certificate=chain)  # the key is not in it
    assert "cannot be read" in _refusal(signing_certificate=tmp_path / "none.pem")
    _, other = _own(tmp_path / "other")
    assert "is not that of the first certificate" in _refusal(signing_certificate=chain, signing_key=other)
    late, its_key = _own(tmp_path / "late", days=-1)
    assert "has expired" in _refusal(signing_certificate=late, signing_key=its_key)


def test_a_data_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no folder")
    assert "FEWSTROKE_SIGNING_CERTIFICATE" in _refusal(data_dir=tmp_path / "data")
