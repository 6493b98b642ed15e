"""Names of modules: plain nouns of the field, and none of those that nobody could guess."""

import ast
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


@pytest.mark.parametrize("folder", RIDDLES)
def test_no_module_has_a_name_that_was_given_up(folder: str):
    found = [path for path in (ROOT / folder).rglob("*.py") if path.stem in RIDDLES[folder]]
    assert not found, "name the module after what it does: see the rule of names in CONTRIBUTING.md"


@pytest.mark.parametrize("folder", ["model"])
def test_the_first_line_of_a_module_is_a_sentence(folder: str):
    """One line that ends with a full stop and has some words: what the module is for."""
    lines = {path: (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n")[0]
             for path in (ROOT / folder).rglob("*.py")}  # fmt: skip
    assert [path for path, line in lines.items() if not line.endswith(".") or len(line.split()) < 4] == []
