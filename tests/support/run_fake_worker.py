"""A worker process with the fake engine: ``python -m tests.support.run_fake_worker [BASE]``.

It is what ``fewstroke worker`` is, without torch. With ``BASE`` it says that it runs the checkpoint of this
hash, whatever the service runs.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path

from PIL import Image

from app.infra.logs import configure_logging
from app.infra.parent_death import obey_leash
from app.settings import load_settings
from app.worker.interfaces import EngineLike, ReadStyle
from app.worker.main import Loaded, serve
from model.formats import checkpoint_hash
from tests.support.fake_engine import FakeEngine


def load_again(base: str, folder: Path) -> tuple[EngineLike, ReadStyle]:
    """As the process does that draws photos of batches."""
    engine = FakeEngine(base, folder)
    return engine, engine.read_style


if __name__ == "__main__":
    obey_leash()
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    base = sys.argv[1] if len(sys.argv) > 1 else checkpoint_hash(settings.checkpoint)
    engine = FakeEngine(base, settings.data_dir)
    preview = Image.new("RGB", (300, 200), "teal")
    again = partial(load_again, base, settings.data_dir)
    asyncio.run(serve(settings, Loaded(engine, engine.read_style, preview, "cpu", again=again)))
