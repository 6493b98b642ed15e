"""Reads Qt's binary resource files (``.rcc``), as far as the example paintings need it."""

import struct
import zlib
from pathlib import Path

_COMPRESSED_ZLIB = 0x01
_DIRECTORY = 0x02
_NODE_SIZES = {1: 14, 2: 22, 3: 22}  # version 2 added a time stamp to each node


def read_resources(path: Path) -> dict[str, bytes]:
    """Every file in the resource file at ``path``: its name with folders -> its content.

    Raises ``ValueError`` for another kind of file or for a compression other than zlib.
    """
    data = path.read_bytes()
    if data[:4] != b"qres":
        raise ValueError(f"{path} is no Qt resource file")
    version, tree, contents, names = struct.unpack_from(">4I", data, 4)
    if version not in _NODE_SIZES:
        raise ValueError(f"{path}: version {version} of the format is unknown")
    files: dict[str, bytes] = {}

    def visit(index: int, parent: str) -> None:
        node = tree + index * _NODE_SIZES[version]
        name_offset, flags = struct.unpack_from(">IH", data, node)
        name = f"{parent}/{_name(data, names + name_offset)}" if index else ""
        if flags & _DIRECTORY:
            count, first = struct.unpack_from(">2I", data, node + 6)
            for child in range(first, first + count):
                visit(child, name)
            return
        (offset,) = struct.unpack_from(">I", data, node + 10)
        (size,) = struct.unpack_from(">I", data, contents + offset)
        content = data[contents + offset + 4 : contents + offset + 4 + size]
        if flags & _COMPRESSED_ZLIB:
            content = zlib.decompress(content[4:])  # after the size of the original
        elif flags & ~_DIRECTORY:
            raise ValueError(f"{path}: {name} is compressed in an unknown way ({flags:#x})")
        files[name] = content

    visit(0, "")
    return files


def _name(data: bytes, offset: int) -> str:
    (length,) = struct.unpack_from(">H", data, offset)
    start = offset + 6  # the length, then a hash of the name
    return data[start : start + 2 * length].decode("utf-16-be")
