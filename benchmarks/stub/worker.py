"""A worker process with the stub engine: ``python -m benchmarks.stub.worker [BASE]``.

With ``BASE`` it says that it runs the checkpoint of this hash, whatever the service runs.
"""

import asyncio
import sys

from PIL import Image

from app.infra.logs import configure_logging
from app.infra.parent_death import obey_leash
from app.settings import load_settings
from app.worker.main import Loaded, serve
from benchmarks.stub.engine import StubEngine
from model.formats import checkpoint_hash

if __name__ == "__main__":
    obey_leash()
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    base = sys.argv[1] if len(sys.argv) > 1 else checkpoint_hash(settings.checkpoint)
    engine = StubEngine(base, settings.data_dir)
    preview = Image.new("RGB", (300, 200), "teal")
    asyncio.run(serve(settings, Loaded(engine, engine.read_style, preview, "cpu")))
