"""What the HTTP process knows of the checkpoint, without torch."""

import asyncio
from pathlib import Path

from app.errors import ServiceUnavailableError
from model.errors import CheckpointFormatError, CheckpointMissingError
from model.formats import checkpoint_hash


class Checkpoint:
    """The base checkpoint that the workers of this service run. ``path`` None: the packaged one."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    async def base_hash(self) -> str:
        """SHA-256 (hex) of the file; computed again when it changes. Raises ServiceUnavailableError."""
        try:
            return await asyncio.to_thread(checkpoint_hash, self._path)
        except (CheckpointMissingError, CheckpointFormatError) as error:
            raise ServiceUnavailableError(
                "The service has no base checkpoint: train one with `fewstroke meta-train`, "
                "or point FEWSTROKE_CHECKPOINT at one."
            ) from error
