"""Decoder processes, seen from the HTTP process."""

import asyncio
import json
import logging
from contextlib import suppress
from dataclasses import asdict
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
from app.infra.children import start_apart

logger = logging.getLogger(__name__)

_STOP_SECONDS = 5.0


class Decoder:
    """A few decoder processes, started when first needed and replaced when one dies."""

    def __init__(self, *, processes: int = 1, seconds: float = 30.0) -> None:
        self._seconds = seconds
        self._idle: asyncio.Queue[_Child] = asyncio.Queue()
        self._children = [_Child() for _ in range(processes)]
        for child in self._children:
            self._idle.put_nowait(child)

    async def normalize(self, source: Path, target: Path, limits: Limits, *, label: str) -> Normalized:
        """As :func:`app.imaging.normalize.normalize`, elsewhere. Raises an ImageError about ``label``,
        and ServiceUnavailableError when the result cannot be stored."""
        child = await self._idle.get()
        try:
            async with asyncio.timeout(self._seconds):
                request = {
                    "source": str(source),
                    "target": str(target),
                    "limits": asdict(limits),
                    "label": label,
                }
                reply = await child.ask(json.dumps(request))
        except TimeoutError as error:
            await child.stop()
            raise ImageTooLargeError(
                f"{label} takes too long to decode: scale it down and resend it."
            ) from error
        except BaseException:
            await child.stop()  # it may be in the middle of an answer
            raise
        finally:
            self._idle.put_nowait(child)
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
                "app.imaging.child",
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
