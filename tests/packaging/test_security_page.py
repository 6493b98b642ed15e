"""docs/security-tests.md names tests that there are, for every finding."""

import ast
import re
from pathlib import Path

import pytest

from benchmarks.chaos.faults import FAULTS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security-tests.md").read_text()
ROWS = dict(re.findall(r"^\| (F\d+): .*?\| .*?\| (.*?) \|$", PAGE, re.MULTILINE))


def test_every_finding_has_a_row() -> None:
    assert list(ROWS) == [f"F{number}" for number in range(1, 28)]


@pytest.mark.parametrize("finding", ROWS)
def test_its_tests_exist(finding: str) -> None:
    file = None
    named = re.findall(r"`([\w./-]*)(?:::(\w+))?`", ROWS[finding])
    assert named
    for path, test in named:
        if path.startswith(("tests/", "web/")):
            file = ROOT / path
            assert file.is_file(), path
        if test:
            assert file is not None
            functions = ast.walk(ast.parse(file.read_text()))
            assert test in {
                node.name for node in functions if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            }, f"{file}::{test}"
        elif not path.startswith(("tests/", "web/")):
            assert path in FAULTS or (ROOT / path).is_dir(), path
