"""A worker process with the duotone engine."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from PIL import Image

from app.infra.logs import configure_logging
from app.infra.parent_death import obey_leash
from app.settings import load_settings
from app.worker.interfaces import EngineLike, ReadStyle
from app.worker.main import Loaded, serve
from tests.studio.engine import DuotoneEngine


def load_again(folder: Path, checkpoint: Path | None) -> tuple[EngineLike, ReadStyle]:
    """As the process does that draws photos of batches."""
    engine = DuotoneEngine(folder, checkpoint)
    return engine, engine.read_style


if __name__ == "__main__":
    obey_leash()
    configure_logging()
    settings = load_settings()
    engine = DuotoneEngine(settings.data_dir, settings.checkpoint)
    preview = Image.new("RGB", (300, 200), "teal")
    again = partial(load_again, settings.data_dir, settings.checkpoint)
    asyncio.run(serve(settings, Loaded(engine, engine.read_style, preview, "cpu", again=again)))
