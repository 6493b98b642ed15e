"""``fewstroke serve``, ``fewstroke api`` and ``fewstroke worker``."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.common import reported_errors
from app.infra.early_sigterm import end_at_sigterm
from app.infra.logs import configure_logging
from app.infra.parent_death import PARENT_VARIABLE, obey_leash

if TYPE_CHECKING:
    from app.settings import Settings

logger = logging.getLogger(__name__)

DataDir = Annotated[
    Path | None,
    typer.Option(help="Folder of database, pictures and queue.", show_default="$FEWSTROKE_DATA_DIR"),
]
Host = Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")]
Port = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.", show_default="8000"),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]


def serve(
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes; each holds a model.")] = 1,
    device: Device = "auto",
) -> None:
    """Run broker, workers and API together until Ctrl-C.

    Without NATS_URL the broker is embedded: nothing else needs to be installed or started.
    """
    end_at_sigterm()
    import asyncio

    from app.supervisor import Supervisor, fewstroke_command

    with reported_errors():
        settings = load(host=host, port=port, data_dir=data_dir)
        _log(settings, "WARNING")  # its console tells what it does
        supervisor = Supervisor(
            settings,
            workers=workers,
            worker_command=fewstroke_command("worker", "--device", device),
        )
        asyncio.run(supervisor.run())


def api(
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    fd: Annotated[int | None, typer.Option(hidden=True, help="Listening socket of the supervisor.")] = None,
) -> None:
    """Run the HTTP API alone: one of many, next to a NATS cluster and a shared database."""
    end_at_sigterm()
    obey_leash()
    with reported_errors():
        from app.infra.secrets_at_rest import keep_private

        keep_private()
        settings = load(host=host, port=port, data_dir=data_dir)
        _log(settings)
        from app.cli.http import run_api

        run_api(settings, fd=fd)


def worker(data_dir: DataDir = None, device: Device = "auto") -> None:
    """Run a worker alone: one a GPU, or one a machine."""
    end_at_sigterm()
    obey_leash()
    with reported_errors():
        from app.infra.secrets_at_rest import keep_private

        keep_private()
        settings = load(data_dir=data_dir)
        _log(settings)
        from app.worker.main import run_worker

        run_worker(settings, device=device)


def _log(settings: Settings, level: str | None = None) -> None:
    from app.settings_report import remarks
    from app.settings_toml import config_file

    configure_logging(level or settings.log_level, settings.log_format)
    if PARENT_VARIABLE not in os.environ:  # `serve` has said it
        if (path := config_file()) is not None:
            logger.info("settings from %s", path.absolute())
        for sentence in remarks():
            logger.warning("%s", sentence)


def load(**given: Any) -> Settings:
    from app.settings import load_settings

    return load_settings(**{name: value for name, value in given.items() if value is not None})
