"""The README's commands, links and files exist."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from app.api.main import create_app
from app.bounds import CLIP_FRAMES, CLIP_SECONDS
from app.cli import cli
from app.settings import Settings
from model.image.dials import DEFAULT_ABSTRACTION, LEAST_STROKE_SIZE, MOST_STRENGTH, MOST_STROKE_SIZE

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
LINES = [line.partition("  #")[0].strip() for block in BLOCKS for line in block.splitlines()]
NOT_OURS = {".venv", "node_modules", "out", "artifacts"}  # what commands write
PAGES = sorted(p for p in ROOT.rglob("*.md") if not NOT_OURS & set(p.parts))


def test_make_targets_exist():
    text = README + (ROOT / "CONTRIBUTING.md").read_text()
    named = set(
        re.findall(r"\bmake ([a-z][a-z-]+)", "\n".join(re.findall(r"`[^`]*`|```.*?```", text, re.DOTALL)))
    )
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test", "env"} <= named
    assert named <= targets


@pytest.mark.parametrize("line", [line for line in LINES if "bin/fewstroke" in line])
def test_command_lines_parse(line: str):
    command = get_command(cli)
    _, name, *arguments = shlex.split(line)
    subcommand = command.commands[name]  # type: ignore[attr-defined]
    with subcommand.make_context(name, list(arguments)) as context:
        assert context.info_name == name


def fields(line: str) -> tuple[str, set[str]]:
    """Path and form fields of a curl line."""
    words = shlex.split(line)
    (url,) = [word for word in words if word.startswith("localhost:")]
    forms = {words[i + 1].partition("=")[0] for i, word in enumerate(words) if word == "-F"}
    return url.removeprefix("localhost:8000"), forms


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    described: dict[str, Any] = create_app(Settings(data_dir=tmp_path_factory.mktemp("data"))).openapi()
    return dict(described["paths"])


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("curl") and " -F " in line])
def test_curl_lines_send_what_the_api_takes(line: str, paths: dict[str, Any]):
    path, sent = fields(line)
    body = paths[path]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert sent <= set(body["properties"])
    assert set(body["required"]) <= sent


def test_the_one_line_that_does_the_whole_job_is_the_documented_one(paths: dict[str, Any]):
    (line,) = [line for line in LINES if "/v1/stylize " in line]
    described = " ".join(paths["/v1/stylize"]["post"]["description"].split())
    assert line in described


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path):
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_names_of_files_and_folders_in_notice_exist():
    named = re.findall(r"^([\w./-]+/[\w.-]*)", (ROOT / "NOTICE").read_text(), re.MULTILINE)
    assert len(named) >= 3
    assert [name for name in named if not (ROOT / name.rstrip(",")).exists()] == []


def test_no_curl_line_hides_what_an_error_says():
    """`-f` throws the sentence of the answer away, `-s` alone that of curl itself."""
    texts = [
        *(page.read_text() for page in PAGES),
        *(path.read_text() for path in (ROOT / "app").rglob("*.py")),
    ]
    options = [
        option for text in texts for option in re.findall(r"\bcurl (-[a-zA-Z]+) .*(?:localhost|http)", text)
    ]
    assert len(options) > 8
    assert [option for option in options if "f" in option or ("s" in option and "S" not in option)] == []


def test_bounds_are_those_in_effect():
    text = " ".join(README.split())
    assert f"Clips have up to {CLIP_FRAMES} frames and {CLIP_SECONDS:g} seconds" in text
    assert f"up to {MOST_STRENGTH} more than it" in text
    assert f"(0 to 1, default {DEFAULT_ABSTRACTION})" in text
    assert f"`stroke_size` ({LEAST_STROKE_SIZE} to {MOST_STROKE_SIZE:g}, default 1)" in text
    assert f"Results have up to {Settings().max_output_side} px" in text
