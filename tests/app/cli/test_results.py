"""Files of results: whole or not at all, and nothing else beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.cli.common import InputError
from app.cli.results import replacing, write_bytes


def test_a_file_is_replaced_with_the_usual_permissions(tmp_path: Path):
    target, other = tmp_path / "new" / "a.png", tmp_path / "other"
    other.write_bytes(b"")
    for data in (b"one", b"two"):
        write_bytes(target, data)
        assert target.read_bytes() == data
    assert target.stat().st_mode == other.stat().st_mode
    assert list(target.parent.iterdir()) == [target]


def test_a_parent_that_is_a_file_is_said_to_be(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match=r"a\.png cannot be written: (Not a directory|File exists)"):
        write_bytes(tmp_path / "file" / "a.png", b"")


def test_names_may_be_as_long_as_the_file_system_has_them(tmp_path: Path):
    target = tmp_path / ("n" * 251 + ".png")
    write_bytes(target, b"data")
    assert target.read_bytes() == b"data"
    with pytest.raises(InputError, match="cannot be written: File name too long"):
        write_bytes(tmp_path / ("n" * 300), b"")
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_what_ends_it_on_the_way_leaves_nothing(tmp_path: Path, error: type[BaseException]):
    target = tmp_path / "a.png"
    target.write_bytes(b"before")

    def write() -> None:
        with replacing(target) as temporary:
            temporary.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        write()
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_bytes() == b"before"
