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
)
"""Which of them depends on the plugin of the format."""


def damaged(label: str, error: BaseException) -> ImageCorruptError:
    """What to raise for ``error``; ``label`` names the file."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    reason = "unreadable" if "/" in text else text[:100].rstrip(".")  # never a path of ours
    return ImageCorruptError(f"{label} is damaged or cut off ({reason}): save it again and resend it.")
