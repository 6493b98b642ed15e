"""A worker process that knows the text modality of these tests; its pictures are the scripted engine's."""

from __future__ import annotations

import asyncio

from app.infra.logs import configure_logging
from app.infra.parent_death import obey_leash
from app.settings import load_settings
from app.worker.main import Loaded, serve
from model.modalities import LOADERS
from tests.app.worker.fake_engine import FakeEngine, FakeStyle

if __name__ == "__main__":
    obey_leash()
    configure_logging()
    LOADERS["text"] = "tests.app.modalities.text:load"
    asyncio.run(serve(load_settings(), Loaded(FakeEngine(), FakeStyle.from_bytes, None, "cpu")))
