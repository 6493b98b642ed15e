"""The processes that the service starts: whose code they run, and what they know."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import httpx
import pytest

import app
from app.imaging.decoder_pool import Decoder
from app.imaging.limits import Ground, Limits
from tests.app.styles.test_export import a_style, base, imported
from tests.support.pictures import png

pytestmark = pytest.mark.process

__all__ = ["base"]  # a fixture

CANARY = "canary-in-the-environment"
SHADOWS = ("app", "PIL", "onnx", "model", "numpy")


@pytest.fixture
def foreign_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Somebody's folder, in which the service is started: its modules say when they are run."""
    folder = tmp_path / "foreign"
    for name in SHADOWS:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(f"open({str(folder / 'ran')!r}, 'a').write({name!r})")
    (folder / "json.py").write_text(f"open({str(folder / 'ran')!r}, 'a').write('json')")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    return folder


@pytest.mark.usefixtures("services")
async def test_nothing_of_the_folder_runs(client: httpx.AsyncClient, base, foreign_folder: Path) -> None:
    style = await imported(client, a_style(base))
    answer = await client.get(f"/v1/styles/{style}/onnx")
    assert answer.status_code == 200, answer.text
    answer = await client.post("/v1/styles", files=[("examples", ("a.png", png()))])
    assert answer.status_code == 202, answer.text
    assert not (foreign_folder / "ran").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.usefixtures("foreign_folder")
async def test_what_decodes_strangers_pictures_knows_no_secrets(tmp_path: Path) -> None:
    decoder = Decoder(processes=1)
    limits = Limits(min_side=1, max_side=99, max_pixels=9999, target_side=64, ground=Ground.WHITE)
    source = tmp_path / "in"
    source.write_bytes(png())
    await decoder.normalize(source, tmp_path / "out", limits, label="it")
    process = decoder._children[0]._process
    assert process is not None
    about = Path(f"/proc/{process.pid}")
    assert CANARY.encode() not in about.joinpath("environ").read_bytes()
    assert about.joinpath("cwd").resolve() == Path("/")
    await decoder.close()


def test_python_is_started_in_one_place() -> None:
    starting = {
        str(path.relative_to(Path(app.__path__[0])))
        for path in Path(app.__path__[0]).rglob("*.py")
        if re.search(r"sys\.executable", path.read_text())
    }
    assert starting == {"infra/python_processes.py", "infra/parent_death.py"}  # the latter runs isolated (-I)
