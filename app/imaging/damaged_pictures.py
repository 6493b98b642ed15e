"""Damaged pictures: what Pillow raises on them, and the sentence that their sender reads."""

import struct
import zlib

from app.errors import ImageCorruptError

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
    RuntimeError,
)
"""Which of them depends on the plugin of the format."""


def damaged(label: str, error: BaseException) -> ImageCorruptError:
    """What to raise for ``error``; ``label`` names the file."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    inner = any(sign in text for sign in "/<")  # never a path or an object of ours
    reason = "unreadable" if inner else text[:100].rstrip(".")
    return ImageCorruptError(f"{label} is damaged or cut off ({reason}): save it again and resend it.")
