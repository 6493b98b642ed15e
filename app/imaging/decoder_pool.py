"""The pool of decoder processes, as the HTTP process uses it."""

import asyncio
import json
import logging
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from app import errors
from app.errors import (
    AppError,
    ImageCorruptError,
    ImageError,
    ImageTooLargeError,
    ServiceUnavailableError,
)
from app.imaging.limits import Limits, Normalized
from app.infra.fair_semaphore import FairSemaphore
from app.infra.python_processes import start_apart

logger = logging.getLogger(__name__)

_STOP_SECONDS = 5.0


@dataclass
class Budget:
    """Seconds in a decoder that are left."""

    seconds: float


class Decoder:
    """A few decoder processes, started when first needed and replaced when one dies.

    Owners take turns, and one leaves a decoder for the others where there are several.
    """

    def __init__(self, *, processes: int = 1, seconds: float = 30.0) -> None:
        self._seconds = seconds
        self._semaphore = FairSemaphore(processes, each=max(1, processes - 1))
        self._children = [_Child() for _ in range(processes)]
        self._idle = list(self._children)

    async def normalize(
        self,
        source: Path,
        target: Path,
        limits: Limits,
        *,
        label: str,
        owner: str = "",
        budget: Budget | None = None,
    ) -> Normalized:
        """As :func:`app.imaging.normalize.normalize`, elsewhere, in a turn of ``owner`` and within
        ``budget``, from which it takes the time that it needs. Raises an ImageError about ``label``, and
        ServiceUnavailableError when the result cannot be stored."""
        budget = budget or self.budget()
        clock = asyncio.get_running_loop().time
        async with self._semaphore.turn(owner):
            started = clock()
            try:
                reply = await self._ask(source, target, limits, label, budget.seconds)
            finally:
                budget.seconds -= clock() - started
        return self._done(reply, label)

    def budget(self) -> Budget:
        """What all pictures of a request may take together."""
        return Budget(self._seconds)

    async def _ask(
        self, source: Path, target: Path, limits: Limits, label: str, seconds: float
    ) -> str | None:
        child = self._idle.pop()
        try:
            async with asyncio.timeout(seconds):
                request = {
                    "source": str(source),
                    "target": str(target),
                    "limits": asdict(limits),
                    "label": label,
                }
                return await child.ask(json.dumps(request))
        except TimeoutError as error:
            await child.stop()
            raise ImageTooLargeError(
                f"{label} takes too long to decode, with the pictures before it: scale it down and resend it."
            ) from error
        except BaseException:
            await child.stop()  # it may be in the middle of an answer
            raise
        finally:
            self._idle.append(child)

    def _done(self, reply: str | None, label: str) -> Normalized:
        if reply is None:
            logger.warning("the decoder process died on an upload")
            raise ImageCorruptError(
                f"{label} cannot be decoded: save it again with another program and resend it."
            )
        answer = json.loads(reply)
        if "done" in answer:
            return Normalized(**answer["done"])
        if "unavailable" in answer:
            logger.error("the decoder process cannot store a picture: %s", answer["unavailable"])
            raise ServiceUnavailableError(
                "The service cannot store pictures at this moment: send the request again in a few seconds.",
                headers={"Retry-After": "5"},
            )
        raise _error(answer["error"], answer["detail"])

    async def close(self) -> None:
        """End the processes."""
        for child in self._children:
            await child.stop()


class _Child:
    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def ask(self, line: str) -> str | None:
        """One request and its answer; None when the process died over it."""
        process = self._process
        if process is None or process.returncode is not None:
            process = self._process = await start_apart(
                "app.imaging.decoder_process",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(ConnectionError):
            process.stdin.write(line.encode() + b"\n")
            await process.stdin.drain()
        reply = await process.stdout.readline()
        if not reply:
            await self.stop()
            return None
        return reply.decode()

    async def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()  # it holds nothing worth keeping
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()


def _error(name: str, detail: str) -> AppError:
    kind = getattr(errors, name, None)
    if not (isinstance(kind, type) and issubclass(kind, ImageError)):
        raise RuntimeError(f"the decoder process answered with {name}: {detail}")
    return kind(detail)
