"""A wall clock that jumps, for some processes alone: a preloaded library adds an offset from a file."""

import shutil
import struct
import subprocess
import sys
import sysconfig
from pathlib import Path

_SOURCE = Path(__file__).with_name("clock.c")


class Clock:
    """The offset of the processes that have ``env``."""

    def __init__(self, path: Path, library: Path) -> None:
        self._path = path
        self._library = library
        path.write_bytes(struct.pack("l", 0))

    @property
    def env(self) -> dict[str, str]:
        """What makes a process see this clock."""
        return {"LD_PRELOAD": str(self._library), "CHAOS_CLOCK": str(self._path)}

    def jump(self, seconds: int) -> None:
        """From now on the clock is so far off."""
        with self._path.open("r+b") as file:  # in place: it is mapped
            file.write(struct.pack("l", seconds))


def build_library(folder: Path) -> Path:
    """Compile it. Raises CalledProcessError."""
    target = folder / "clock.so"
    subprocess.run(["cc", "-O2", "-Wall", "-shared", "-fPIC", "-o", str(target), str(_SOURCE)], check=True)
    return target


def no_clock() -> str | None:
    """Why the wall clock of a process cannot be made to jump."""
    if sys.platform != "linux" or shutil.which("cc") is None:
        return "it needs Linux and a C compiler (`cc`)"
    if not sysconfig.get_config_var("HAVE_SEM_CLOCKWAIT"):
        return "this Python measures waiting times by the wall clock"
    return None
