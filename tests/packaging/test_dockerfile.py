"""The Dockerfile against the repository that it builds from."""

import json
import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

from app.api.main import create_app
from app.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
LINES = [line.strip() for line in TEXT.splitlines() if line.strip() and not line.startswith("#")]


def instructions(name: str) -> list[str]:
    return [line.removeprefix(name).strip() for line in LINES if line.startswith(name + " ")]


def included(path: str) -> bool:
    """Whether .dockerignore lets a path of the repository into the build context."""
    inside = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.lstrip("!")
        if fnmatch(path, pattern) or fnmatch(f"{path}/x", pattern):
            inside = line.startswith("!")
    return inside


def test_every_copied_path_exists_and_is_in_the_build_context():
    copied = [line.split()[:-1] for line in instructions("COPY") if not line.startswith("--from")]
    paths = [path for group in copied for path in group]
    assert {"app", "model", "pyproject.toml", "constraints.txt"} <= set(paths)
    for path in paths:
        assert (ROOT / path).exists(), path
        assert included(path), path


def test_what_the_image_does_not_need_stays_outside_of_the_build_context():
    assert not included(".git")
    assert not included(".venv")
    assert not included("tests")
    assert not included(".env")


def test_the_build_has_the_files_that_pyproject_names():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    copied = " ".join(instructions("COPY"))
    for name in (project["readme"], *project["license-files"]):
        assert name in copied


def test_it_does_not_run_as_root():
    assert instructions("USER") == ["10001:10001"]


def test_the_entry_point_is_our_console_script():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    (entry,) = instructions("ENTRYPOINT")
    assert json.loads(entry)[0] in scripts


def test_the_health_check_asks_for_a_route_that_exists(tmp_path: Path):
    (check,) = instructions("HEALTHCHECK")
    paths = create_app(Settings(data_dir=tmp_path)).openapi()["paths"]
    (asked,) = re.findall(r"'(/[a-z]+)'", check)
    assert asked in paths


def test_packages_are_installed_by_their_hashes():
    installs = [
        command.strip()
        for line in instructions("RUN")
        for command in re.split(r"&&|;", line)
        if "pip install" in command
    ]
    without = [command for command in installs if "--require-hashes" not in command]
    assert len(installs) > len(without)
    for command in without:
        ours = command.endswith(" .")
        # The builds of PyTorch for CPUs have no hashes in our index: theirs is asked for nothing else.
        of_torch = '--index-url "$TORCH_INDEX" -r /tmp/torch.txt' in command
        assert ours or of_torch, command
        assert "--no-deps" in command
