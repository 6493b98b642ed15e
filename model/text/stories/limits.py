"""Bounds of what is learned and asked for, the forms of results, and the base's files; no torch."""

from __future__ import annotations

import hashlib
from pathlib import Path

from model.formats import checkpoint_hash

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


def default_stories_checkpoint() -> Path:
    """The checkpoint that is shipped with the package, if it is."""
    return Path(__file__).parent.parent.parent / "weights" / "stories.safetensors"


def stories_hash(model: Path, checkpoint: Path | None = None) -> str:
    """Of language model and checkpoint together; where none is shipped or given, of the language model.

    Raises ``CheckpointMissingError``, ``CheckpointFormatError``.
    """
    digest = checkpoint_hash(model)
    path = checkpoint or default_stories_checkpoint()
    if checkpoint is None and not path.exists():
        return digest
    return hashlib.sha256((digest + checkpoint_hash(path)).encode()).hexdigest()
