"""What is published, installed where nothing of the checkout is: the wheels and the npm tarball.

The dependencies are those of the environment that runs the tests, by a path file: only our wheels are
installed, which takes seconds instead of gigabytes.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import site
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_string
from email.message import Message
from pathlib import Path

import httpx
import pytest

from tests.support.waiting import eventually

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
TYPESCRIPT = ROOT / "clients" / "typescript"
OURS = {"fewstroke": ROOT, "fewstroke-client": ROOT / "clients" / "python"}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By name, built from copies: a build writes beside its sources."""
    folder = tmp_path_factory.mktemp("wheels")
    for name, source in OURS.items():
        copy = folder / name
        for part in ("app", "model", "src", "pyproject.toml", "README.md", "LICENSE", "NOTICE"):
            if (source / part).is_dir():
                shutil.copytree(source / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
            elif (source / part).exists():
                copy.mkdir(exist_ok=True)
                shutil.copy(source / part, copy / part)
        command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
        subprocess.run([*command, "-w", folder, copy], check=True, timeout=200)
    return {path.name.split("-")[0].replace("_", "-"): path for path in folder.glob("*.whl")}


@pytest.fixture(scope="module")
def environment(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheels, and the dependencies of this one."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=200)
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps"]
    subprocess.run([*install, *wheels.values()], check=True, timeout=200)
    (own,) = (folder / "lib").glob("python*/site-packages")
    (own / "dependencies.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    return folder


def _metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_string(archive.read(name).decode())


def test_names_versions_licences(wheels: dict[str, Path]) -> None:
    assert set(wheels) == set(OURS)
    versions = set()
    for name, wheel in wheels.items():
        metadata = _metadata(wheel)
        project = tomllib.loads((OURS[name] / "pyproject.toml").read_text())["project"]
        assert metadata["Name"] == name
        assert metadata["Summary"] == project["description"]
        assert metadata["License-Expression"] == "Apache-2.0"
        assert metadata.get_all("License-File") == project["license-files"]
        versions.add(metadata["Version"])
    versions.add(json.loads((TYPESCRIPT / "package.json").read_text())["version"])
    assert len(versions) == 1, "they are published together"


def test_every_extra_that_a_page_names_is_one(wheels: dict[str, Path]) -> None:
    extras = set(_metadata(wheels["fewstroke"]).get_all("Provides-Extra") or [])
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "demo").rglob("*.md")]
    named = {
        extra.strip()
        for page in pages
        for found in re.findall(r"fewstroke\[([\w, ]+)\]", page.read_text())
        for extra in found.split(",")
    }
    assert named
    assert named <= extras


def test_the_wheel_holds_weights_and_studio(wheels: dict[str, Path]) -> None:
    with zipfile.ZipFile(wheels["fewstroke"]) as archive:
        packed = set(archive.namelist())
    for part in ("model/weights", "app/studio/static", "app/studio/pictures", "app/presets/files"):
        files = {path.relative_to(ROOT).as_posix() for path in (ROOT / part).rglob("*") if path.is_file()}
        assert {file for file in files - packed if "__pycache__" not in file} == set()
    assert not [name for name in packed if name.startswith(("tests/", "benchmarks/", "demo/", "scripts/"))]


async def test_it_serves_outside_of_the_checkout(environment: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    passed = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "FEWSTROKE"))
    }
    settings = {"FEWSTROKE_DATA_DIR": str(tmp_path / "data"), "FEWSTROKE_PORT": "0"}
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            environment / "bin" / "fewstroke", "serve",
            cwd=tmp_path, env=passed | settings,
            stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    try:

        def ready() -> bool:
            assert process.returncode is None, log.read_text()
            return "ready: http://" in log.read_text()

        await eventually(ready, within=200)
        found = re.search(r"ready: (http://\S+)", log.read_text())
        assert found
        async with httpx.AsyncClient(base_url=found[1], trust_env=False, timeout=60) as client:
            page = (await client.get("/")).text
            for name in re.findall(r"\./(assets/[\w.-]+)", page):
                assert (await client.get(f"/{name}")).status_code == 200
            models = (await client.get("/v1/models")).json()
            assert models["items"][0]["base_hash"]
            presets = (await client.get("/v1/styles", params={"preset": True})).json()["items"]
            assert len(presets) >= 8
            assert {preset["status"] for preset in presets} == {"ready"}
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 60)


def test_the_client_is_imported_from_its_wheel(environment: Path, tmp_path: Path) -> None:
    script = "import fewstroke_client, app, sys; print(fewstroke_client.__file__, app.__file__)"
    passed = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ran = subprocess.run(
        [environment / "bin" / "python", "-c", script],
        cwd=tmp_path, env=passed, capture_output=True, text=True, check=True, timeout=100,
    )  # fmt: skip
    assert all(path.startswith(str(environment)) for path in ran.stdout.split())


@pytest.mark.skipif(
    not (shutil.which("npm") and (TYPESCRIPT / "node_modules").exists()),
    reason="npm or its packages are missing",
)
def test_the_npm_tarball_is_installed_and_imported(tmp_path: Path) -> None:
    """The one dependency is linked from here: a test asks no registry."""
    run = {"check": True, "capture_output": True, "text": True, "timeout": 200}
    packed = subprocess.run(
        ["npm", "pack", "--json", "--pack-destination", tmp_path],
        cwd=TYPESCRIPT,
        **run,  # type: ignore[call-overload]
    )
    (about,) = json.loads(packed.stdout)
    assert {file["path"] for file in about["files"]} >= {
        "LICENSE",
        "README.md",
        "package.json",
        "dist/index.d.ts",
    }
    manifest = {
        "name": "x", "version": "1.0.0", "type": "module",
        "dependencies": {"fewstroke-client": f"file:{tmp_path / about['filename']}"},
        "overrides": {
            name: f"file:{TYPESCRIPT / 'node_modules' / name}"
            for name in ("openapi-fetch", "openapi-typescript-helpers")
        },
    }  # fmt: skip
    folder = tmp_path / "user"
    folder.mkdir()
    (folder / "package.json").write_text(json.dumps(manifest))
    subprocess.run(["npm", "install", "--offline", "--no-audit", "--no-fund"], cwd=folder, **run)  # type: ignore[call-overload]
    script = 'import { Fewstroke } from "fewstroke-client"; console.log(typeof new Fewstroke().stylizePhoto)'
    ran = subprocess.run(["node", "--input-type=module", "-e", script], cwd=folder, **run)  # type: ignore[call-overload]
    assert ran.stdout.strip() == "function"
