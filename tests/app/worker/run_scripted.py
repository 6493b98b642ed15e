"""A worker process with the scripted engine: what ``fewstroke worker`` is, without torch."""

from __future__ import annotations

import asyncio

from PIL import Image

from app.infra.leash import obey_leash
from app.infra.logs import configure_logging
from app.settings import load_settings
from app.worker.main import Loaded, serve
from tests.app.worker.scripted import ScriptedEngine, ScriptedStyle

if __name__ == "__main__":
    obey_leash()
    configure_logging()
    preview = Image.new("RGB", (300, 200), "teal")
    asyncio.run(serve(load_settings(), Loaded(ScriptedEngine(), ScriptedStyle.from_bytes, preview, "cpu")))
