"""A worker process that knows music and the text of these tests; its pictures are the scripted engine's.

FEWSTROKE_SCRIPTED_STEP slows the inner steps of all of them down, in seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from app.infra.logs import configure_logging
from app.infra.parent_death import obey_leash
from app.settings import Settings, load_settings
from app.worker.main import Loaded, load_other, serve
from model.modalities import LOADERS
from model.modality import Learning, Progress
from tests.support.fake_engine import FakeEngine


class Slowed:
    """A modality whose steps take a while."""

    def __init__(self, modality: Any) -> None:
        self._modality = modality

    def __getattr__(self, name: str) -> Any:
        return getattr(self._modality, name)

    def adapt_many(self, requests: Sequence[Learning], **how: Any) -> Any:
        def slow(request: Learning) -> Learning:
            def tell(progress: Progress) -> None:
                if request.on_progress is not None:
                    request.on_progress(progress)
                time.sleep(FakeEngine.step_seconds)

            return replace(request, on_progress=tell)

        return self._modality.adapt_many([slow(request) for request in requests], **how)


def slowed(settings: Settings, name: str) -> Any:
    return Slowed(load_other(settings, "cpu", name))


if __name__ == "__main__":
    obey_leash()
    configure_logging()
    LOADERS["text"] = "tests.app.modalities.text:load"
    given = load_settings()
    engine = FakeEngine()
    asyncio.run(
        serve(given, Loaded(engine, engine.read_style, None, "cpu", lambda name: slowed(given, name)))
    )
