"""``fewstroke serve`` with stub workers: ``python -m benchmarks.stub.serve WORKERS [NAME=VALUE...]``.

The assignments go into the environment of the workers alone.
"""

import asyncio
import sys

from app.cli.common import reported_errors
from app.infra.logs import configure_logging
from app.settings import load_settings
from app.supervisor import Supervisor

if __name__ == "__main__":
    configure_logging("WARNING")
    command = ["env", *sys.argv[2:], sys.executable, "-m", "benchmarks.stub.worker"]
    with reported_errors():
        asyncio.run(Supervisor(load_settings(), workers=int(sys.argv[1]), worker_command=command).run())
