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
            "continued",
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
        }
    ),
}
MODULES = sorted(path for top in ("app", "model") for path in (ROOT / top).rglob("*.py"))


@pytest.mark.parametrize("folder", RIDDLES)
def test_no_module_has_a_name_that_was_given_up(folder: str):
    found = [path for path in (ROOT / folder).rglob("*.py") if path.stem in RIDDLES[folder]]
    assert not found, "name the module after what it does: see the rule of names in CONTRIBUTING.md"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_first_line_of_a_module_is_a_sentence(path: Path):
    """One line that ends with a full stop: what the module is for."""
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert said, "begin the module with a docstring"
    first = said.splitlines()[0]
    assert first.endswith("."), f"end the sentence on the first line: {first}"
    assert re.match(r"[A-Z`]", first), f"begin the sentence with a capital letter: {first}"


def test_owners_are_not_called_he():
    he = re.compile(r"\b(he|his|him)\b", re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in (ROOT / "app").rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if he.search(line)
    ]
    assert not found, "write `their`"
