"""``fewstroke serve`` with the duotone engine in its worker; everything else is the real thing."""

from __future__ import annotations

import asyncio
import os
import sys

from app.cli.common import reported_errors
from app.infra.logs import configure_logging
from app.settings import load_settings
from app.supervisor import Supervisor

if __name__ == "__main__":
    configure_logging("WARNING")
    command = [sys.executable, "-m", "tests.studio.run_worker"]
    # A base of its own, for styles that are two colours: those of the network hold something else.
    base = load_settings().data_dir / "duotone"
    base.parent.mkdir(parents=True, exist_ok=True)
    base.write_text("two colours")
    os.environ["FEWSTROKE_CHECKPOINT"] = str(base)
    with reported_errors():
        asyncio.run(Supervisor(load_settings(), workers=1, worker_command=command).run())
