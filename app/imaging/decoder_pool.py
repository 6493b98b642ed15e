"""The pool of decoder processes, as the HTTP process uses it."""

import asyncio
import json
import logging
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

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
_START_SECONDS = 60.0  # of a process, which is not the pictures' time
_PATIENCE = 4.0  # times the processor time that a picture may take: on a busy machine it waits for others


@dataclass
class Budget:
    """Seconds of a decoder's processor time that are left."""

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
        ServiceUnavailableError when the result cannot be stored, or no decoder can be started."""
        budget = budget or self.budget()
        if budget.seconds <= 0:
            raise _late(label)
        request = {
            "source": str(source),
            "target": str(target),
            "limits": asdict(limits),
            "label": label,
            "seconds": budget.seconds,
        }
        async with self._semaphore.turn(owner):
            answer = await self._ask(request, _PATIENCE * budget.seconds)
        if answer is None:
            budget.seconds = 0.0
            raise _late(label)
        budget.seconds -= answer["seconds"]
        return self._done(answer, label)

    def budget(self) -> Budget:
        """What all pictures of a request may take together."""
        return Budget(self._seconds)

    async def _ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any] | None:
        """The answer; None: the picture took too long. ``seconds`` bounds what passes."""
        child = self._idle.pop()
        clock = asyncio.get_running_loop().time
        try:
            await child.start()
            started = clock()
            async with asyncio.timeout(seconds):
                reply = await child.ask(json.dumps(request))
            if reply is None:
                return {"died": True, "seconds": clock() - started}
            answer: dict[str, Any] = json.loads(reply)
            if "late" in answer:
                await child.stop()  # it ends by itself, but not before somebody else may ask it
                return None
            return answer
        except TimeoutError:
            await child.stop()
            return None
        except BaseException:
            await child.stop()  # it may be in the middle of an answer
            raise
        finally:
            self._idle.append(child)

    def _done(self, answer: dict[str, Any], label: str) -> Normalized:
        if "died" in answer:
            logger.warning("the decoder process died on an upload")
            raise ImageCorruptError(
                f"{label} cannot be decoded: save it again with another program and resend it."
            )
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

    async def start(self) -> None:
        """Start the process, if it does not run, and wait until it can be asked. Raises
        ServiceUnavailableError."""
        process = self._process
        if process is not None and process.returncode is None:
            return
        try:
            async with asyncio.timeout(_START_SECONDS):
                process = self._process = await start_apart(
                    "app.imaging.decoder_process",
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                )
                assert process.stdout is not None
                if await process.stdout.readline():
                    return
        except TimeoutError:
            pass
        await self.stop()
        logger.error("no decoder process could be started")
        raise ServiceUnavailableError(
            "The service cannot read pictures at this moment: send the request again in a few seconds.",
            headers={"Retry-After": "5"},
        )

    async def ask(self, line: str) -> str | None:
        """One request of the process that runs, and its answer; None when it died over it."""
        process = self._process
        assert process is not None
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


def _late(label: str) -> ImageTooLargeError:
    return ImageTooLargeError(
        f"{label} takes too long to decode, with the pictures before it: scale it down and resend it."
    )


def _error(name: str, detail: str) -> AppError:
    kind = getattr(errors, name, None)
    if not (isinstance(kind, type) and issubclass(kind, ImageError)):
        raise RuntimeError(f"the decoder process answered with {name}: {detail}")
    return kind(detail)
