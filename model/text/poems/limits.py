"""Bounds of what is learned and asked for, and the forms of results; importable without torch."""

DEFAULT_STEPS = 4
MAX_STEPS = 64
MAX_POEMS = 256  # that are learned from
MAX_POEMS_WRITTEN = 16  # in one request
LEAST_COPIED, MOST_COPIED = 3, 8  # characters: bounds of max_copied
MEDIA_TYPES = {
    "txt": "text/plain; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "json": "application/json",
}
