"""``fewstroke serve`` with the duotone engine in its worker; everything else is the real thing."""

from __future__ import annotations

import asyncio
import sys

from app.cli.common import reported_errors
from app.infra.logs import configure_logging
from app.settings import load_settings
from app.supervisor import Supervisor

if __name__ == "__main__":
    configure_logging("WARNING")
    command = [sys.executable, "-m", "tests.studio.run_worker"]
    with reported_errors():
        asyncio.run(Supervisor(load_settings(), workers=1, worker_command=command).run())
