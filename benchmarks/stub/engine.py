"""An engine without a model: known timing, pictures inverted, death and hanging on demand."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from app.worker.interfaces import OneByOne
from model.errors import AdaptationCanceled
from model.formats import StyleHeader

STEP_SECONDS = 0.05
KILLS_ITS_WORKER = 666
"""The seed of a poison job: its worker dies in the second inner step, every time."""
HANGS_ITS_WORKER = 667
"""The seed of a job that makes its worker hang in the second inner step, every time."""
HANGS_ONCE = 1_000_000
"""Seeds from here on make a worker hang once each."""

_INVERTED = [255 - level for level in range(256)] * 3


@dataclass(frozen=True)
class StubProgress:
    """What ``model.image.engine.Progress`` holds."""

    step: int
    steps: int
    losses: dict[str, float]
    preview: Image.Image | None


@dataclass(frozen=True)
class StubStyle:
    """A header and nothing else."""

    header: StyleHeader

    def to_bytes(self) -> bytes:
        """The header as JSON."""
        return json.dumps(asdict(self.header)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "StubStyle":
        """Inverse of ``to_bytes``."""
        return cls(StyleHeader(**json.loads(data)))


class StubEngine(OneByOne):
    """``STEP_SECONDS`` for an inner step, and for a picture, spent asleep."""

    default_steps = 10

    def __init__(self, base_hash: str, folder: Path) -> None:
        self.base_hash = base_hash
        self._folder = folder  # remembers which seeds have made a worker hang

    def _hang_as_asked(self, seed: int) -> None:
        if seed == HANGS_ITS_WORKER:
            threading.Event().wait()
        if seed >= HANGS_ONCE:
            mark = self._folder / f"hung-{seed}"
            if not mark.exists():
                mark.touch()
                threading.Event().wait()

    def adapt(
        self,
        examples: Sequence[Image.Image],
        *,
        contents: Sequence[Image.Image] = (),
        steps: int | None = None,
        seed: int = 0,
        preview: Image.Image | None = None,
        preview_every: int = 5,
        on_progress: Callable[[Any], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> StubStyle:
        """Sleep through the steps; the loss falls from 1 towards 0.5. Raises AdaptationCanceled."""
        total = self.default_steps if steps is None else steps
        losses: dict[str, dict[str, float]] = {}
        for step in range(total + 1):
            if step and should_stop is not None and should_stop():
                raise AdaptationCanceled
            if seed == KILLS_ITS_WORKER and step == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            if step == 2:
                self._hang_as_asked(seed)
            now = {"total": 0.5 + 0.5 / (step + 1)}
            losses = {"start": losses.get("start", now), "end": now}
            if on_progress is not None:
                on_progress(StubProgress(step, total, now, preview if step % preview_every == 0 else None))
            time.sleep(STEP_SECONDS if step else 0)
        return StubStyle(StyleHeader(self.base_hash, len(examples), total, seed, losses, "none"))

    def blend(self, parts: Sequence[tuple[Any, float]]) -> Any:
        """The heaviest part."""
        return max(parts, key=lambda part: part[1])[0]

    def stylize(self, photo: Image.Image, style: Any, *, size: int | None = None, **_: Any) -> Image.Image:
        """The photo inverted, scaled down to ``size`` pixels."""
        time.sleep(STEP_SECONDS)
        result = photo.point(_INVERTED)
        if size is not None:
            result.thumbnail((size, size))
        return result
