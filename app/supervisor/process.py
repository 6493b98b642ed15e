"""Supervise one Python process: start it, watch it, restart it, stop it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress

from app.infra.parent_death import PARENT_VARIABLE
from app.supervisor.errors import SetupError
from app.supervisor.log_output import LogOutput

EXIT_SETUP = 78  # EX_CONFIG of sysexits.h: starting again would not help

_FIRST_DELAY = 0.2  # s before a restart; doubles while the child keeps dying young
_LONGEST_DELAY = 10.0  # s
HEALTHY_AFTER = 30.0  # s of life after which a death counts as the first again


def restart_delay(failures: int) -> float:
    """Seconds to wait before a restart, after so many short lives in a row (from 1)."""
    return float(min(_FIRST_DELAY * 2 ** (failures - 1), _LONGEST_DELAY))


class ChildProcess:
    """A process that is kept running. Its output goes to ``console`` under its name."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        console: LogOutput,
        env: Mapping[str, str],
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.name = name
        self._argv = list(argv)
        self._console = console
        self._env = {**env, PARENT_VARIABLE: str(os.getpid())}
        self._pass_fds = tuple(pass_fds)
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if running and self._process is not None else None

    async def run(self) -> None:
        """Start, and start again after each death, until ``stop``.

        Raises SetupError when the child says that its setup is wrong (exit status 78).
        """
        failures = 0
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            born = loop.time()
            status = await self._live()
            if self._stopping.is_set():
                return
            if status == EXIT_SETUP:
                raise SetupError(f"the {self.name} cannot start; its last lines above say why")
            failures = 1 if loop.time() - born > HEALTHY_AFTER else failures + 1
            delay = restart_delay(failures)
            self._console.warning(
                self.name, f"ended with {_describe(status)}; starting again in {delay:.1f} s"
            )
            with suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._stopping.wait()

    def stop(self) -> None:
        """Send SIGTERM; ``run`` returns when the process has ended."""
        self._stopping.set()
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self._stopping.set()
        self._signal(signal.SIGKILL)

    async def _live(self) -> int:
        self._process = await asyncio.create_subprocess_exec(
            *self._argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._env,
            pass_fds=self._pass_fds,
            # A group of its own: ctrl-C reaches the supervisor alone, which stops us in order. Not a session
            # of its own: the kernel shares processor time out by sessions first (autogroups), so that a
            # worker would get half of it however much its threads give way to the API's.
            process_group=0,
        )
        if self._stopping.is_set():  # asked while the process was being made
            self._signal(signal.SIGTERM)
        if self._process.stdout is not None:
            await self._console.pump(self.name, self._process.stdout)
        return await self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)


def _describe(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    return signal.Signals(-status).name
