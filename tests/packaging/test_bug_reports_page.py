"""docs/bug-reports.md names tests that there are, for every defect and rough edge."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "bug-reports.md").read_text()
ROWS = dict(
    re.findall(r"^\| ([^|]+) \| [^|]+ \| [^|]+ \| ([^|]+) \| [^|]+ \|$", PAGE.partition("by kind")[2], re.M)
)


def test_every_defect_has_a_row() -> None:
    numbered = [name.partition(":")[0] for name in ROWS if name[0].isdigit()]
    assert numbered == [str(number) for number in range(1, 15)]
    assert len(ROWS) > 35


@pytest.mark.parametrize("case", [case for case in ROWS if case not in ("case", "---")])
def test_its_tests_exist(case: str) -> None:
    named = re.findall(r"`([\w./-]+)::([^`]+)`", ROWS[case])
    assert named
    for path, test in named:
        text = (ROOT / path).read_text()
        assert f"def {test}(" in text or f'"{test}"' in text, f"{path}::{test}"
