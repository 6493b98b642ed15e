"""Answers of a viewer are counted against the key; sheets and key are kept apart."""

from pathlib import Path

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation import viewing


def test_counts_matched_photos_eyes_and_mouths(tmp_path: Path) -> None:
    viewing.write_form(tmp_path, "faces", [1, 2, 3])
    form = tmp_path / viewing.FORM
    form.write_text("sheet,photo,eyes,mouth\n1,A,yes,no\n2,b,No,yes\n3,,,\n")
    found = viewing.count_answers(viewing.read_form(form), {"1": "a", "2": "c", "3": "d"})
    assert found == {"matched": (1, 2), "eyes": (1, 2), "mouth": (1, 2)}


def test_counts_ordered_rows(tmp_path: Path) -> None:
    form = tmp_path / "answers.csv"
    form.write_text("sheet,order\n1,bdac\n2,abcd\n")
    assert viewing.count_answers(viewing.read_form(form), {"1": "bdac", "2": "abdc"}) == {"ordered": (1, 2)}


def test_an_unknown_sheet_is_named() -> None:
    with pytest.raises(BenchmarkError, match="no sheet '7'"):
        viewing.count_answers([{"sheet": "7", "order": "abcd"}], {"1": "abcd"})


def test_the_key_must_lie_apart(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="keep the key apart"):
        viewing.faces([tmp_path], [], tmp_path / "sheets", tmp_path / "sheets" / "key.json")


def test_answers_are_not_overwritten(tmp_path: Path) -> None:
    sheets = tmp_path / "sheets"
    sheets.mkdir()
    (sheets / viewing.FORM).write_text("sheet,order\n1,abcd\n")
    with pytest.raises(BenchmarkError, match="may hold answers"):
        viewing.dials([tmp_path], [], sheets, tmp_path / "key.json")


def test_photos_come_in_fours(tmp_path: Path) -> None:
    works = tmp_path / "style"
    works.mkdir()
    (works / "1.png").write_bytes(b"")
    with pytest.raises(BenchmarkError, match="in fours"):
        viewing.faces([works], [works / "1.png"], tmp_path / "sheets", tmp_path / "key.json")
