"""A worker process with the scripted engine: what ``fewstroke worker`` is, without torch."""

from __future__ import annotations

import asyncio

from PIL import Image

from app.infra.logs import configure_logging
from app.infra.parent_death import obey_leash
from app.settings import load_settings
from app.worker.main import Loaded, serve
from tests.support.fake_engine import FakeEngine

if __name__ == "__main__":
    obey_leash()
    configure_logging()
    preview = Image.new("RGB", (300, 200), "teal")
    engine = FakeEngine()
    asyncio.run(serve(load_settings(), Loaded(engine, engine.read_style, preview, "cpu")))
