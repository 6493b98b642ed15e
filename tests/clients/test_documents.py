"""The examples in the client's README run, and the blocking client is that of the asynchronous one."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from fewstroke_client import Client
from tests.support.served import Service

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
README = (ROOT / "clients/python/README.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def at_home(served: Service, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of pictures, with the service where examples look for it."""
    monkeypatch.setenv("FEWSTROKE_URL", str(served.http.base_url))
    return folder


def test_a_file_in_a_file_out(at_home: Path):
    exec(EXAMPLES[0], {})
    assert (at_home / "out.png").read_bytes().startswith(b"\x89PNG")


def test_styles_batches_blends(at_home: Path, capsys: pytest.CaptureFixture[str]):
    exec(EXAMPLES[1], {})
    assert "adapt 20 of 20 {'total'" in capsys.readouterr().out
    assert (at_home / "0.jpg").read_bytes().startswith(b"\xff\xd8")
    assert (at_home / "1.jpg").exists()
    with zipfile.ZipFile(at_home / "all.zip") as archive:
        assert len(archive.namelist()) == 3


def test_thousands_of_photos(at_home: Path, capsys: pytest.CaptureFixture[str]):
    (at_home / "photos" / "sea").mkdir(parents=True)
    shutil.copy(at_home / "photo.jpg", at_home / "photos" / "sea")
    (at_home / "photos" / "notes.txt").write_text("no picture")
    exec(EXAMPLES[2], {})
    said = capsys.readouterr().out
    assert "ProgressEvent(step=2, steps=2" in said
    assert "notes.txt" in said
    with zipfile.ZipFile(at_home / "pictures.zip") as archive:
        assert "sea/photo.jpeg" in archive.namelist()


def test_jobs(at_home: Path, capsys: pytest.CaptureFixture[str]):
    exec(EXAMPLES[3], {})
    assert "sty_" in capsys.readouterr().out


def test_when_something_is_wrong(at_home: Path, capsys: pytest.CaptureFixture[str]):
    exec(EXAMPLES[4], {})
    assert capsys.readouterr().out.startswith("415 image_format_unsupported ")


def section(title: str) -> str:
    """A part of the project's README."""
    text = (ROOT / "README.md").read_text()
    return text.partition(f"### {title}\n")[2].partition("\n### ")[0]


def test_the_python_lines_of_the_project(at_home: Path, served: Service):
    (code,) = re.findall(r"```python\n(.*?)```", section("Python"), re.DOTALL)
    assert '"http://127.0.0.1:8000"' in code
    exec(code.replace("http://127.0.0.1:8000", str(served.http.base_url)), {})
    assert (at_home / "out.png").read_bytes().startswith(b"\x89PNG")
    with zipfile.ZipFile(at_home / "all.zip") as archive:
        assert archive.namelist()[1:] == ["001-photo.png", "002-harbour.png"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is missing")
def test_the_curl_lines_of_the_project(at_home: Path, served: Service):
    """In their order; an id that is left open is that of what a line before has made."""
    frames = [Image.new("RGB", (64, 48), colour) for colour in ("navy", "teal")]
    frames[0].save(at_home / "loop.gif", save_all=True, append_images=frames[1:])
    lines = [line.partition("  #")[0] for line in section("curl").splitlines() if line.startswith("curl ")]
    assert len(lines) >= 6
    with Client(str(served.http.base_url)) as client:
        made = {"sty": [client.learn_style(["a.jpg"], steps=1).id]}
    for line in lines:
        words = shlex.split(line)
        for open_id, kind, place in (
            ("sty_...", "sty", -1),
            ("sty_a", "sty", -1),
            ("sty_b", "sty", -2),
            ("stz_...", "stz", 0),  # which was waited for
            ("job_...", "job", -1),
        ):
            words = [word.replace(open_id, made[kind][place]) if open_id in word else word for word in words]
        words = [word.replace("localhost:8000", str(served.http.base_url).rstrip("/")) for word in words]
        done = subprocess.run(
            [*words, "--max-time", "60", "--noproxy", "*"], capture_output=True, check=False
        )
        assert done.returncode == 0, (line, done.stderr)
        text = done.stdout.decode()
        assert "urn:fewstroke:problem" not in text, (line, text)
        for found in re.findall(r'"id":"((sty|stz|job)_\w+)"', text):
            if found[0] not in made.setdefault(found[1], []):
                made[found[1]].append(found[0])
    assert (at_home / "out.png").read_bytes().startswith(b"\x89PNG")
    assert zipfile.is_zipfile(at_home / "all.zip")
    assert "event: progress" in text or "event: state" in text


def test_all_examples_are_tested():
    assert len(EXAMPLES) == 5


def test_the_blocking_client_is_up_to_date():
    script = ROOT / "clients/python/scripts/unasync.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_typescript_client_knows_every_call():
    described = json.loads((ROOT / "docs/openapi.json").read_text())["paths"]
    schema = (ROOT / "clients/typescript/src/schema.d.ts").read_text()
    names = {operation["operationId"] for path in described.values() for operation in path.values()}
    typed = set(
        re.findall(r"^    (\w+): \{$", schema.partition("export interface operations {")[2], re.MULTILINE)
    )
    assert typed == names, "run `make clients`"


def test_no_registry_is_named():
    lock = (ROOT / "clients/typescript/package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert "registry" not in lock
