"""The pool of decoder processes, as the HTTP process uses it."""

import asyncio
import json
import logging
import sys
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
    WorkDamagedError,
    WorkError,
    WorkTooLargeError,
)
from app.imaging.limits import Limits, Normalized, Stored
from app.infra.fair_semaphore import FairSemaphore
from app.infra.python_processes import start_apart
from app.infra.thread_priority import give_way

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

    Owners take turns, and one leaves a decoder for the others where there are several. ``niceness``: how much
    they give way to everybody else.
    """

    def __init__(self, *, processes: int, seconds: float = 30.0, niceness: int = 0) -> None:
        self._seconds = seconds
        self._semaphore = FairSemaphore(processes, each=max(1, processes - 1))
        self._children = [_Child(niceness) for _ in range(processes)]
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
        request = {"source": str(source), "target": str(target), "limits": asdict(limits), "label": label}
        return Normalized(**await self._decode(request, label, owner, budget or self.budget(), _PICTURE))

    async def read(
        self,
        reader: str,
        source: Path,
        target: Path,
        *,
        name: str,
        label: str,
        owner: str = "",
        budget: Budget | None = None,
    ) -> Stored:
        """Have ``reader`` ("module:function", see ``app.medium.Medium``) read an upload that is no picture.

        Otherwise as ``normalize``; raises a WorkError about ``label``.
        """
        request = {"source": str(source), "target": str(target), "reader": reader, "name": name}
        request["label"] = label
        return Stored(**await self._decode(request, label, owner, budget or self.budget(), _WORK))

    async def _decode(
        self, request: dict[str, Any], label: str, owner: str, budget: Budget, kind: "_Kind"
    ) -> dict[str, Any]:
        if budget.seconds <= 0:
            raise kind.late(label)
        async with self._semaphore.turn(owner):
            answer = await self._ask(request | {"seconds": budget.seconds}, _PATIENCE * budget.seconds)
        if answer is None:
            budget.seconds = 0.0
            raise kind.late(label)
        budget.seconds -= answer["seconds"]
        return _done(answer, label, kind)

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

    async def close(self) -> None:
        """End the processes."""
        for child in self._children:
            await child.stop()


class _Child:
    def __init__(self, niceness: int) -> None:
        self._niceness = niceness
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
                    if sys.platform == "linux":  # elsewhere a process cannot say it of another one
                        give_way(self._niceness, process.pid)
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


@dataclass(frozen=True)
class _Kind:
    """What is refused with which errors: pictures, or other works."""

    damaged: type[AppError]
    too_large: type[AppError]
    refused: type[AppError]
    plural: str
    smaller: str

    def late(self, label: str) -> AppError:
        """About a file that takes too long."""
        return self.too_large(
            f"{label} takes too long to decode, with the {self.plural} before it: {self.smaller} and resend "
            "it."
        )


_PICTURE = _Kind(ImageCorruptError, ImageTooLargeError, ImageError, "pictures", "scale it down")
_WORK = _Kind(WorkDamagedError, WorkTooLargeError, WorkError, "files", "cut it down")


def _done(answer: dict[str, Any], label: str, kind: _Kind) -> dict[str, Any]:
    if "died" in answer:
        logger.warning("the decoder process died on an upload")
        raise kind.damaged(f"{label} cannot be decoded: save it again with another program and resend it.")
    if "done" in answer:
        done: dict[str, Any] = answer["done"]
        return done
    if "unavailable" in answer:
        logger.error("the decoder process cannot store an upload: %s", answer["unavailable"])
        raise ServiceUnavailableError(
            "The service cannot store uploads at this moment: send the request again in a few seconds.",
            headers={"Retry-After": "5"},
        )
    if "error" not in answer:
        raise RuntimeError(f"the decoder process answered with {sorted(answer)}")
    raise _error(answer["error"], answer["detail"], kind)


def _error(name: str, detail: str, kind: _Kind) -> AppError:
    error = getattr(errors, name, None)
    if not (isinstance(error, type) and issubclass(error, (kind.refused, ServiceUnavailableError))):
        raise RuntimeError(f"the decoder process answered with {name}: {detail}")
    return error(detail)
