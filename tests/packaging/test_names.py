"""Names of modules are plain nouns of the field, and each module says in its first line what it is for."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RIDDLES = {
    "app": frozenset(
        {
            "company",
            "hand",
            "parts",
            "ports",
            "work",
            "guard",
            "head",
            "story",
            "accepted",
            "addresses",
            "bodies",
            "closing",
            "contract",
            "observe",
            "preferences",
            "links",
            "policy",
            "secret",
            "back_end",
            "examination",
            "child",
            "damage",
            "length",
            "moving",
            "scratch",
            "commits",
            "leash",
            "schema",
            "keeper",
            "room",
            "tickets",
            "usage",
            "effects",
            "tallies",
            "texts",
            "deliverer",
        }
    ),
    "app/infra": frozenset({"keys", "tasks"}),
    "model": frozenset(
        {
            "duel",
            "opponent",
            "native",
            "choice",
            "passes",
            "phi",
            "regions",
            "replay",
            "requests",
            "strips",
            "plan",
            "recorded",
            "watch",
            "entry",
            "chroma",
            "colors",
            "enlarging",
            "frames",
            "processors",
            "runtime",
            "strokes",
            "pools",
        }
    ),
    "model/image": frozenset({"continued"}),
}
MODULES = sorted(path for top in ("app", "model") for path in (ROOT / top).rglob("*.py"))


@pytest.mark.parametrize("folder", RIDDLES)
def test_no_module_has_a_name_that_was_given_up(folder: str):
    found = [path for path in (ROOT / folder).rglob("*.py") if path.stem in RIDDLES[folder]]
    assert not found, "name the module after what it does: see the rule of names in CONTRIBUTING.md"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_first_line_of_a_module_says_what_it_is_for(path: Path):
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert said, "begin the module with a docstring"
    first = said.splitlines()[0]
    assert first.endswith("."), f"end the sentence on the first line: {first}"
    assert re.match(r"[A-Z`]", first), f"begin the sentence with a capital letter: {first}"


@pytest.mark.parametrize("top", ["app", "model"])
def test_owners_are_not_called_he(top: str):
    he = re.compile(r"\b(he|his|him)\b", re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in (ROOT / top).rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if he.search(line) and "He & Sun" not in line and "He et al" not in line
    ]
    assert not found, "write `their`"
