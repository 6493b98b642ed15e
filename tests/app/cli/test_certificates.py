"""``fewstroke certificates``, and results of the command line that are signed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fake_engine import BASE_HASH
from tests.support.fake_worker import style_bytes
from tests.support.manifests import read, state
from tests.support.marked import with_manifest, with_xmp
from tests.support.pictures import encoded, picture
from tests.support.signing import signer

KINDS = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}
CLIPS = {"gif": "image/gif", "webp": "image/webp", "apng": "image/apng", "mp4": "video/mp4"}


@pytest.fixture
def style(tmp_path: Path) -> Path:
    path = tmp_path / "waves.safetensors"
    path.write_bytes(style_bytes(BASE_HASH))
    return path


@pytest.mark.parametrize("suffix", KINDS)
def test_results_are_signed_as_they_are_made(run, engine, style: Path, tmp_path: Path, suffix: str):
    made = run("certificates", "create", "--organisation", "A Gallery")
    assert made.exit_code == 0, made.output
    anchor = Path(made.stdout.strip()).read_text()
    photo, target = tmp_path / "cat.png", tmp_path / f"cat.{suffix}.{suffix}"
    photo.write_bytes(encoded(picture()))
    done = run("stylize", photo, "--style", style, "-o", target)
    assert done.exit_code == 0, done.output
    assert state(target.read_bytes(), KINDS[suffix], anchor) == "Trusted"
    assert read(target.read_bytes(), KINDS[suffix])["signature_info"]["issuer"] == "A Gallery"
    assert "were there" in run("stylize", photo, "--style", style, "-o", target).output


def test_clips_are_signed(run, engine, style: Path, tmp_path: Path):
    clip = tmp_path / "wave.gif"
    frames = [picture(seed=seed) for seed in range(3)]
    frames[0].save(clip, save_all=True, append_images=frames[1:], duration=100, loop=0)
    for form, kind in CLIPS.items():
        done = run("stylize", clip, "--style", style, "-o", tmp_path / form, "--format", form)
        assert done.exit_code == 0, done.output
        anchor = (tmp_path / "data of this test" / "certificates" / "ca.pem").read_text()
        assert state(Path(done.stdout.strip()).read_bytes(), kind, anchor) == "Trusted", form


def test_a_photos_own_manifest_is_what_the_result_is_built_on(run, engine, style: Path, tmp_path: Path):
    photo = tmp_path / "cat.jpg"
    photo.write_bytes(with_manifest(signer()))
    done = run("stylize", photo, "--style", style, "-o", tmp_path / "out.png")
    assert done.exit_code == 0, done.output
    (parent,) = read((tmp_path / "out.png").read_bytes(), "image/png")["ingredients"]
    assert parent["relationship"] == "parentOf"


def test_examples_that_reserve_training_are_refused(run, engine, tmp_path: Path, monkeypatch):
    example, output = tmp_path / "a.jpg", tmp_path / "a.safetensors"
    example.write_bytes(with_xmp('tdm:reservation="1"'))
    refused = run("adapt", example, "-o", output)
    assert refused.exit_code == 3
    assert "tdm:reservation 1" in refused.output
    assert not output.exists()
    monkeypatch.setenv("FEWSTROKE_RESERVED_EXAMPLES", "accept")
    assert run("adapt", example, "-o", output).exit_code == 0


def test_the_same_authority_signs_the_next_key(run, data_dir: Path):
    first = Path(run("certificates", "create").stdout.strip())
    before = first.read_bytes(), (data_dir / "certificates" / "signing.pem").read_bytes()
    assert Path(run("certificates", "create").stdout.strip()) == first
    after = first.read_bytes(), (data_dir / "certificates" / "signing.pem").read_bytes()
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_a_name_that_no_certificate_holds(run, data_dir: Path):
    refused = run("certificates", "create", "--organisation", "x" * 65)
    assert refused.exit_code == 3
    assert "1 to 64 characters" in refused.output
    assert not data_dir.exists()
