"""Images of others: each can be given by its digest, and scripts/pin_images.sh knows all of them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = (ROOT / "scripts" / "pin_images.sh").read_text()


def test_every_image_can_be_given_by_its_digest() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    stages = re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    assert set(stages) == {"${PYTHON_IMAGE}"}
    defaults = dict(re.findall(r"^ARG (\w+_IMAGE)=(\S+)", dockerfile, re.MULTILINE))
    compose = (ROOT / "docker-compose.yml").read_text()
    images = re.findall(r"^ +image: (\S+)", compose, re.MULTILINE)
    assert images[0] == "fewstroke"
    for image in images[1:]:
        found = re.fullmatch(r"\$\{(\w+_IMAGE):-(\S+)\}", image)
        assert found is not None, image
        defaults[found[1]] = found[2]
    assert f"PYTHON_IMAGE: ${{PYTHON_IMAGE:-{defaults['PYTHON_IMAGE']}}}" in compose
    (known,) = re.findall(r"^for pair in (.*); do", SCRIPT, re.MULTILINE)
    assert dict(pair.split("=") for pair in known.split()) == defaults


def test_what_the_script_writes_is_no_part_of_the_repository() -> None:
    assert "/.env" in (ROOT / ".gitignore").read_text().splitlines()
