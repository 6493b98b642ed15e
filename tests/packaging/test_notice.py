"""NOTICE against what is passed on."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTICE = (ROOT / "NOTICE").read_text()
NAMES = {"preact": "Preact  ", "@preact/signals": "Preact Signals", "fflate": "fflate"}


@pytest.mark.parametrize("package", json.loads((ROOT / "web" / "package.json").read_text())["dependencies"])
def test_what_the_studio_is_bundled_with_has_its_licence(package: str) -> None:
    (line,) = [line for line in NOTICE.splitlines() if line.strip().startswith(NAMES[package])]
    assert "MIT licence, Copyright (c)" in line
    assert "The above copyright notice and this permission notice" in NOTICE


def test_the_licence_of_the_videos_is_said_in_both_places() -> None:
    for page in ("NOTICE", "README.md"):
        assert "GPL" in (ROOT / page).read_text(), page
