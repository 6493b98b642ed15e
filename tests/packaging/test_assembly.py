"""Reading Qt resource files and putting a cut picture together again, on small ones made here."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts import assemble_examples as assembly
from scripts.qt_resources import read_resources


def resource_file(files: dict[str, bytes], *, compress: bool) -> bytes:
    """A version 1 resource file with all ``files`` in its root folder."""
    names, contents, nodes = b"", b"", [b""]
    for name, data in files.items():
        stored = struct.pack(">I", len(data)) + zlib.compress(data) if compress else data
        nodes.append(struct.pack(">IHHHI", len(names), int(compress), 0, 0, len(contents)))
        contents += struct.pack(">I", len(stored)) + stored
        names += struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")
    nodes[0] = struct.pack(">IHII", 0, 2, len(files), 1)
    tree = b"".join(nodes)
    start = 20
    header = struct.pack(">4s4I", b"qres", 1, start, start + len(tree), start + len(tree) + len(contents))
    return header + tree + contents + names


@pytest.mark.parametrize("compress", [False, True])
def test_files_come_out_as_they_went_in(tmp_path: Path, compress: bool):
    files = {"a.txt": b"alpha" * 50, "b.bin": bytes(range(256))}
    path = tmp_path / "x.rcc"
    path.write_bytes(resource_file(files, compress=compress))
    assert read_resources(path) == {f"/{name}": data for name, data in files.items()}


def test_another_kind_of_file_is_refused(tmp_path: Path):
    path = tmp_path / "x.rcc"
    path.write_bytes(b"PK\x03\x04 something else entirely")
    with pytest.raises(ValueError, match="no Qt resource file"):
        read_resources(path)


def cut(picture: np.ndarray, offset: tuple[int, int]) -> dict[str, bytes]:
    """Nine interlocking pieces, and a board file that is wrong by ``offset`` for the middle one."""
    height, width, _ = picture.shape
    ys, xs = np.mgrid[:height, :width]
    column_of = np.clip(((xs + 9 * np.sin(ys / 9)) * 3 / width).astype(int), 0, 2)
    row_of = np.clip(((ys + 7 * np.sin(xs / 7)) * 3 / height).astype(int), 0, 2)
    files, entries = {}, []
    for column in range(3):
        for row in range(3):
            mask = (column_of == column) & (row_of == row)
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
            buffer = io.BytesIO()
            rgba = np.dstack([picture, mask * 255])[box].astype(np.uint8)
            Image.fromarray(rgba).save(buffer, "WEBP", lossless=True, exact=True)
            name = f"Test_{'abc'[column]}{row + 1}.webp"
            files[f"/image/{name}"] = buffer.getvalue()
            shift = offset if (column, row) == (1, 1) else (0, 0)
            x = ((columns[0] + columns[-1] + 1) / 2 + 100 + shift[0]) / assembly.BOARD[0]
            y = ((rows[0] + rows[-1] + 1) / 2 + 50 + shift[1]) / assembly.BOARD[1]
            entries.append(f'"pixmapfile" : "image/{name}",\n "x" : "{x:.5f}",\n "y" : "{y:.5f}"')
    files["/board/board.qml"] = "\n".join(entries).encode()
    return files


@pytest.mark.parametrize("offset", [(0, 0), (2, -1), (-3, 2)])
def test_a_cut_picture_is_put_together_again(offset: tuple[int, int]):
    picture = np.random.default_rng(0).integers(0, 256, (160, 240, 3), dtype=np.uint8)
    pieces = assembly.read_pieces(cut(picture, offset), "Test")
    coverage = assembly.fit(pieces)
    assembled = np.asarray(assembly.paint(pieces, coverage))
    border = assembly.BORDER
    np.testing.assert_array_equal(assembled, picture[border:-border, border:-border])


def test_hairlines_are_filled_from_both_sides():
    colors = np.zeros((5, 5, 3))
    colors[:, :2], colors[:, 3:] = 10.0, 30.0
    weight = np.ones((5, 5))
    weight[:, 2] = 0
    filled = assembly._fill(colors, weight)
    np.testing.assert_allclose(filled[:, 2], 20.0)
    np.testing.assert_allclose(filled[:, :2], 10.0)
