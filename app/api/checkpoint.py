"""What the HTTP process knows of the checkpoint, without torch."""

import asyncio
from pathlib import Path

from app.errors import ServiceUnavailableError
from model.errors import CheckpointMissingError
from model.formats import checkpoint_hash


class Checkpoint:
    """The base checkpoint that the workers of this service run. ``path`` None: the packaged one."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    async def base_hash(self) -> str:
        """SHA-256 of the checkpoint file, in hex (cached by its size and time). Raises ServiceUnavailableError."""
        try:
            return await asyncio.to_thread(checkpoint_hash, self._path)
        except CheckpointMissingError as error:
            raise ServiceUnavailableError(f"{error}") from error
