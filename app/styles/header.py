"""Limit the header of a style file, which is stored in its row and shown in every list."""

import json
from dataclasses import asdict

from model.errors import StyleFormatError
from model.formats import StyleHeader

MAX_BYTES = 4096
LICENCE, RIGHTS = 200, 500  # characters
_LARGEST = 2**31 - 1


def check_header(header: StyleHeader) -> None:
    """Raise StyleFormatError for more, or other numbers, than an adaptation writes."""
    for name in ("k", "steps", "seed"):
        if not 0 <= getattr(header, name) <= _LARGEST:
            raise StyleFormatError(f"its header has a `{name}` that cannot be")
    for name, most in (("licence", LICENCE), ("examples_licence", LICENCE), ("rights", RIGHTS)):
        if len(getattr(header, name)) > most:
            raise StyleFormatError(f"its {name} has more than {most} characters")
    if len(json.dumps(asdict(header))) > MAX_BYTES:
        raise StyleFormatError(f"its header has more than {MAX_BYTES} bytes")
