"""Read the hash and the tensor shapes of the base checkpoint without torch."""

import asyncio
from pathlib import Path

from app.errors import ServiceUnavailableError
from model.errors import CheckpointFormatError, CheckpointMissingError, StyleFormatError
from model.formats import checkpoint_hash, default_checkpoint, read_metadata
from model.image.dials import LEVELS
from model.image.export.style import shapes_of

_HEADER = 8 + 2**20  # bytes: the length, and the longest header that is read


class Checkpoint:
    """The base checkpoint that the workers of this service run. ``path`` None: the packaged one."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    async def style_shapes(self) -> dict[str, tuple[int, ...]] | None:
        """The tensors that a style of this base has. None when the file is no checkpoint that can be read:
        then no worker renders, and nothing can be compared."""
        return await asyncio.to_thread(_style_shapes, self._path or default_checkpoint())

    async def base_hash(self) -> str:
        """SHA-256 (hex) of the file; computed again when it changes. Raises ServiceUnavailableError."""
        try:
            return await asyncio.to_thread(checkpoint_hash, self._path)
        except (CheckpointMissingError, CheckpointFormatError) as error:
            raise ServiceUnavailableError(
                "The service has no base checkpoint: train one with `fewstroke meta-train`, "
                "or point FEWSTROKE_CHECKPOINT at one."
            ) from error


def _style_shapes(path: Path) -> dict[str, tuple[int, ...]] | None:
    try:
        with path.open("rb") as file:
            header = read_metadata(file.read(_HEADER), what="checkpoint")
        return {name: (LEVELS, *shape) for name, shape in shapes_of(header["stylizer"]).items()}
    except (OSError, StyleFormatError, KeyError, TypeError):
        return None
