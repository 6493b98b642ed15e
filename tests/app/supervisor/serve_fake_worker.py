"""``fewstroke serve`` with workers that have the scripted engine; the rest is the real thing."""

from __future__ import annotations

import asyncio
import sys

from app.cli.common import reported_errors
from app.infra.logs import configure_logging
from app.settings import load_settings
from app.supervisor import Supervisor

if __name__ == "__main__":
    configure_logging("WARNING")
    command = [sys.executable, "-m", "tests.app.worker.run_fake_worker"]
    with reported_errors():
        asyncio.run(Supervisor(load_settings(), workers=int(sys.argv[1]), worker_command=command).run())
