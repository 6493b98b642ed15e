"""A worker process with the scripted engine: what ``fewstroke worker`` is, without torch."""

from __future__ import annotations

import asyncio

from PIL import Image

from app.infra.logs import configure_logging
from app.infra.parent_death import obey_leash
from app.settings import load_settings
from app.worker.main import Loaded, serve
from tests.app.worker.fake_engine import FakeEngine, FakeStyle

if __name__ == "__main__":
    obey_leash()
    configure_logging()
    preview = Image.new("RGB", (300, 200), "teal")
    asyncio.run(serve(load_settings(), Loaded(FakeEngine(), FakeStyle.from_bytes, preview, "cpu")))
