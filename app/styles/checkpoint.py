"""Read the hash and the tensor shapes of the base checkpoint without torch."""

import asyncio
from pathlib import Path

from app.errors import ServiceUnavailableError
from app.medium import Medium
from app.settings import Settings
from app.styles.tensors import check_tensors
from model.errors import CheckpointFormatError, CheckpointMissingError, StyleFormatError
from model.formats import checkpoint_hash, read_metadata
from model.image.dials import LEVELS
from model.image.export.style import shapes_of
from model.modality import IMAGE

_HEADER = 8 + 2**20  # bytes: the length, and the longest header that is read


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


async def medium_base(medium: Medium, settings: Settings) -> str:
    """The hash of the checkpoint of a medium. Raises ServiceUnavailableError."""
    try:
        return await asyncio.to_thread(medium.base_hash, settings)
    except (CheckpointMissingError, CheckpointFormatError) as error:
        if medium.made_on_use:
            raise ServiceUnavailableError(
                f"The service has no language model of {medium.name} yet: learn a style of {medium.name} "
                "with POST /v1/styles, which makes it."
            ) from error
        raise ServiceUnavailableError(
            f"The service has no checkpoint of {medium.name}: whoever runs it can point "
            f"FEWSTROKE_{'' if medium.name == IMAGE else medium.name.upper() + '_'}CHECKPOINT at one."
        ) from error


def check_picture_style(style: bytes, checkpoint: Path | None) -> None:
    """Raise StyleFormatError unless the tensors are sound, and those of the checkpoint's network. When that
    is none that can be read, no worker renders, and nothing can be compared."""
    check_tensors(style, _style_shapes(checkpoint) if checkpoint else None)


def _style_shapes(path: Path) -> dict[str, tuple[int, ...]] | None:
    try:
        with path.open("rb") as file:
            header = read_metadata(file.read(_HEADER), what="checkpoint")
        return {name: (LEVELS, *shape) for name, shape in shapes_of(header["stylizer"]).items()}
    except (OSError, StyleFormatError, KeyError, TypeError):
        return None
