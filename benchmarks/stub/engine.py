"""The fake engine of the tests, with workers that hang on demand and a base that can be another's."""

import threading
from collections.abc import Sequence
from pathlib import Path

from tests.support.fake_engine import FakeEngine, Script

STEP_SECONDS = FakeEngine.step_seconds
KILLS_ITS_WORKER = int(Script.KILLS_ITS_WORKER)
"""The seed of a poison job: its worker dies in the second inner step, every time."""
HANGS_ITS_WORKER = 700
"""The seed of a job that makes its worker hang in the second inner step, every time."""
HANGS_ONCE = 1_000_000
"""Seeds from here on make a worker hang once each."""


class StubEngine(FakeEngine):
    """``folder`` remembers which seeds have made a worker hang."""

    def __init__(self, base_hash: str, folder: Path) -> None:
        super().__init__(base_hash)
        self._folder = folder

    def before(self, step: int, seeds: Sequence[int]) -> None:
        """Hang in the second step, as asked."""
        super().before(step, seeds)
        for seed in seeds if step == 2 else ():
            mark = self._folder / f"hung-{seed}"
            if seed == HANGS_ITS_WORKER or (seed >= HANGS_ONCE and not mark.exists()):
                mark.touch()
                threading.Event().wait()
