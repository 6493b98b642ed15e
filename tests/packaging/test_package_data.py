"""What is not Python but needed at run time goes into the wheel."""

import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


def tracked(package: str) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", package], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return listed.stdout.splitlines()


@pytest.mark.parametrize("package", ["app", "model"])
def test_every_file_of_a_package_is_packed(package: str):
    files = tracked(package)
    assert files
    patterns = SETUPTOOLS["package-data"][package]
    others = [Path(file).relative_to(package).as_posix() for file in files if not file.endswith(".py")]
    assert [file for file in others if not any(fnmatch(file, pattern) for pattern in patterns)] == []


@pytest.mark.parametrize("package", ["app", "benchmarks", "model"])
def test_every_folder_with_modules_is_a_package(package: str):
    folders = {Path(file).parent for file in tracked(package) if file.endswith(".py")}
    assert [folder for folder in sorted(folders) if not (ROOT / folder / "__init__.py").exists()] == []


def test_the_wheel_holds_the_service_and_the_model_and_no_measurements():
    patterns = SETUPTOOLS["packages"]["find"]["include"]
    packed = {name for name in ("app", "model", "benchmarks", "tests", "demo", "scripts") if any(
        fnmatch(name, pattern) for pattern in patterns
    )}  # fmt: skip
    assert packed == {"app", "model"}
