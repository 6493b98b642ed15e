"""``fewstroke serve`` with the duotone engine in its worker; everything else is the real thing."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import numpy as np

from app.cli.common import reported_errors
from app.infra.logs import configure_logging
from app.presets.catalogue import presets
from app.settings import load_settings
from app.supervisor import Supervisor
from model.formats import StyleHeader, checkpoint_hash
from tests.support.fake_engine import FakeStyle


def write_presets(folder: Path, base: Path) -> None:
    """A style of two colours for every preset."""
    folder.mkdir(exist_ok=True)
    for index, preset in enumerate(presets().values()):
        colours = np.array(
            [[20, 30 * (index % 4), 120 - 15 * index], [250, 200 - 12 * index, 60 + 24 * index]]
        )
        header = StyleHeader(checkpoint_hash(base), len(preset.works), 20, 0)
        style = FakeStyle(header, colours.astype(np.float32))
        (folder / f"{preset.slug}.safetensors").write_bytes(style.to_bytes())


if __name__ == "__main__":
    configure_logging("WARNING")
    command = [sys.executable, "-m", "tests.studio.run_worker"]
    # A base of its own, for styles that are two colours: those of the network hold something else.
    base = load_settings().data_dir / "duotone"
    base.parent.mkdir(parents=True, exist_ok=True)
    base.write_text("two colours")
    os.environ["FEWSTROKE_CHECKPOINT"] = str(base)
    write_presets(base.with_name("presets"), base)
    os.environ["FEWSTROKE_PRESETS_DIR"] = str(base.with_name("presets"))
    with reported_errors():
        asyncio.run(Supervisor(load_settings(), workers=1, worker_command=command).run())
