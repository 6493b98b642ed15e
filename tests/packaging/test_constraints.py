"""constraints.txt pins every dependency, in the plainest form, for every supported platform."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LINES = (ROOT / "constraints.txt").read_text().splitlines()


def requirements() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    return [Requirement(text) for group in (PROJECT["dependencies"], *extras) for text in group]


def pins() -> dict[str, str]:
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in LINES)}


def test_lines_are_plain_pins_without_hosts_hashes_or_local_versions():
    bad = [
        line for line in LINES if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][0-9A-Za-z.]*", line)
    ]
    assert bad == []


def test_each_package_is_pinned_once():
    assert len(pins()) == len(LINES)


def test_the_project_does_not_pin_itself():
    assert canonicalize_name(PROJECT["name"]) not in pins()


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_every_dependency_is_pinned_at_a_version_that_pyproject_allows(requirement: Requirement):
    pinned = pins().get(canonicalize_name(requirement.name))
    assert pinned is not None, f"{requirement.name}: run `make constraints`"
    assert requirement.specifier.contains(Version(pinned), prereleases=True)
