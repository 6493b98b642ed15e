"""Start Python processes that run our code and import nothing from the current folder.

Those that touch what strangers have made (pictures, style files) get no environment either: settings and
secrets of the service are none of their business.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

_KEPT = ("LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "LANG", "LC_ALL")  # without which Python may not start


def python_command(module: str, *arguments: str) -> list[str]:
    """The command line that runs a module of ours, in this interpreter."""
    # -P: a folder called `app`, or `PIL`, where the user stands must not shadow what is installed.
    return [sys.executable, "-P", "-m", module, *arguments]


async def start_apart(module: str, *arguments: str, **pipes: Any) -> asyncio.subprocess.Process:
    """Start a module of ours without our environment, in a folder that is nobody's.

    Paths in ``arguments`` must be absolute. ``pipes``: ``stdin``, ``stdout`` and ``stderr``.
    """
    return await asyncio.create_subprocess_exec(
        *python_command(module, *arguments), env=_bare_environment(), cwd=Path(sys.executable).anchor, **pipes
    )


def _bare_environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    # Where we were imported from, should that have been said by the environment.
    if folders := [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]:
        kept["PYTHONPATH"] = os.pathsep.join(str(Path(folder).absolute()) for folder in folders)
    return kept
