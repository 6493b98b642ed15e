"""``fewstroke keys`` on a database of its own."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result


@pytest.fixture
def keys(run: Callable[..., Result], sqlite_template: Path, tmp_path: Path) -> Callable[..., Result]:
    shutil.copy(sqlite_template, tmp_path / "fewstroke.db")
    return lambda *arguments: run("keys", *arguments, "--data-dir", tmp_path)


def test_a_key_is_shown_once_listed_and_revoked(keys: Callable[..., Result]) -> None:
    made = keys("create", "ada", "--name", "laptop", "--scopes", "read", "--expires", "90d")
    assert made.exit_code == 0, made.output
    text = made.stdout.strip()
    assert re.fullmatch(r"fsk_\w{12}_\w{43}", text)
    shown = text.rpartition("_")[0]
    listed = keys("list")
    assert text not in listed.stdout
    (line,) = [line for line in listed.stdout.splitlines() if shown in line]
    assert re.search(r"ada +laptop +read +active", line)
    assert keys("list", "--owner", "bob").stdout == ""
    assert keys("revoke", shown).exit_code == 0
    assert re.search(r"ada +laptop +read +revoked", keys("list").stdout)


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("create", "a b"), 1, "cannot be an owner"),
        (("create", "ada", "--scopes", "everything"), 3, "use read, write and admin"),
        (("create", "ada", "--scopes", ","), 1, "can do nothing"),
        (("create", "ada", "--expires", "soon"), 3, "is no time"),
        (("create", "ada", "--expires", "9999y"), 3, "is after the year 9999"),
        (("create", "ada", "--expires", "999999y"), 3, "is after the year 9999"),
        (("create", "ada", "--expires", "2001-01-01"), 1, "expired already"),
        (("revoke", "key_none"), 1, "no key key_none"),
    ],
)
def test_what_cannot_be_is_said(
    keys: Callable[..., Result], arguments: tuple[str, ...], status: int, sentence: str
) -> None:
    result = keys(*arguments)
    assert (result.exit_code, sentence in result.stderr) == (status, True), result.output
