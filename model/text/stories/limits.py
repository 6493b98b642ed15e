"""Bounds of what is learned and asked for, the forms of results, and the base's files; no torch."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from model.errors import StyleFormatError
from model.formats import checkpoint_hash, read_metadata

MOST_HEADER = 2**20  # bytes
LANGUAGE_MODEL = "smollm2-135m.safetensors"
DEFAULT_STEPS = 5
MAX_STEPS = 64
MAX_STORIES_WRITTEN = 4  # in one request
SHORTEST, LONGEST = 30, 600  # words
MAX_TITLE, MAX_MOOD, MAX_OPENING = 120, 60, 2000  # characters
LEAST_COPIED, MOST_COPIED = 4, 12  # words: bounds of max_copied; shorter runs are everybody's
MAX_AVOIDED = 50  # words
MEDIA_TYPES = {
    "txt": "text/plain; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "json": "application/json",
}


SHIPPED = Path(__file__).parent.parent.parent / "weights" / "stories.safetensors"


def shipped_checkpoint(model: Path) -> Path | None:
    """The checkpoint that is shipped with the package, where it was trained on this language model."""
    return SHIPPED if SHIPPED.is_file() and _shape(SHIPPED) == _shape(model) else None


def _shape(path: Path) -> Any:
    """Of the language model that a file holds, or was trained on; None where its header does not say."""
    with path.open("rb") as file:
        size = file.read(8)
        header = size + file.read(min(int.from_bytes(size, "little"), MOST_HEADER))
    try:
        return read_metadata(header, what="checkpoint").get("shape")
    except StyleFormatError:
        return None


def stories_hash(model: Path, checkpoint: Path | None = None) -> str:
    """Of language model and checkpoint together; where none fits or is given, of the language model.

    Raises ``CheckpointMissingError``, ``CheckpointFormatError``.
    """
    digest = checkpoint_hash(model)
    path = checkpoint or shipped_checkpoint(model)
    if path is None:
        return digest
    return hashlib.sha256((digest + checkpoint_hash(path)).encode()).hexdigest()
