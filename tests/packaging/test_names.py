"""Names of modules: plain nouns of the field, and none of those that nobody could guess."""

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
}


@pytest.mark.parametrize("folder", RIDDLES)
def test_no_module_has_a_name_that_was_given_up(folder: str):
    found = [path for path in (ROOT / folder).rglob("*.py") if path.stem in RIDDLES[folder]]
    assert not found, "name the module after what it does: see the rule of names in CONTRIBUTING.md"
