"""The exceptions that Pillow raises on damaged files, by plugin."""

import struct
import zlib

DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    IndexError,
    TypeError,
    KeyError,
)
