"""``fewstroke serve`` with the fake engine.

``python -m tests.support.serve_fake_worker WORKERS [NAME=VALUE...]``: the assignments go into the environment
of the workers alone. Everything but their engine is the real thing.
"""

from __future__ import annotations

import asyncio
import sys

from app.cli.common import reported_errors
from app.infra.logs import configure_logging
from app.settings import load_settings
from app.supervisor import Supervisor

if __name__ == "__main__":
    configure_logging("WARNING")
    command = ["env", *sys.argv[2:], sys.executable, "-m", "tests.support.run_fake_worker"]
    with reported_errors():
        asyncio.run(Supervisor(load_settings(), workers=int(sys.argv[1]), worker_command=command).run())
