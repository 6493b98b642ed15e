"""Publish a job's progress from the compute thread to its event stream."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections import deque
from dataclasses import asdict
from io import BytesIO
from typing import Any

from PIL.Image import Image

from app.infra.asyncio_utils import end
from app.infra.broker import Broker
from app.worker.work_item import Step
from model.modality import Written

logger = logging.getLogger(__name__)

PREVIEW_SIDE = 256  # px, longer side
_BACKLOG = 64  # events that wait while the broker is away; the oldest go first
_DRAIN_TIMEOUT = 2.0  # s to get the last progress out before the terminal state


class ProgressReporter:
    """Publishes the steps of one job in order, without ever holding up the compute thread.

    ``on_step`` may be called from any thread. Progress is a courtesy: while the broker is away the
    oldest events are dropped, and nothing is raised.
    """

    def __init__(self, broker: Broker, job_id: str) -> None:
        self._broker = broker
        self._job_id = job_id
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[str, dict[str, Any]]] = deque(maxlen=_BACKLOG)
        self._wake = asyncio.Event()
        self._closed = False
        self._task = asyncio.create_task(self._publish(), name=f"progress-{job_id}")

    def on_step(self, step: Step | Written) -> None:
        """Report a step, and its preview when it has one (encoded here, in the calling thread); or a text.

        A picture without losses is a preview and no step: it is shown before anything was judged.
        """
        if isinstance(step, Written):
            self._loop.call_soon_threadsafe(self._add, [("text", asdict(step))])
            return
        events: list[tuple[str, dict[str, Any]]] = []
        if step.preview is None or step.losses:
            events.append(
                (
                    "progress",
                    {
                        "step": step.step,
                        "steps": step.steps,
                        "losses": dict(step.losses),
                        "phase": step.phase,
                    },
                )
            )
        if step.preview is not None:
            events.append(
                (
                    "preview",
                    {"step": step.step, "media_type": "image/jpeg", "base64": _jpeg_base64(step.preview)},
                )
            )
        self._loop.call_soon_threadsafe(self._add, events)

    async def close(self) -> None:
        """Publish what waits, for two seconds at most, and end. Safe to call twice."""
        self._closed = True
        self._wake.set()
        if self._task.done():
            return
        try:
            # Not awaited itself: what a run that goes on would then get is the cancellation below.
            _, late = await asyncio.wait({self._task}, timeout=_DRAIN_TIMEOUT)
            if late:
                logger.warning("%s: %d events were dropped", self._job_id, len(self._waiting))
        finally:
            await end(self._task)

    def _add(self, events: list[tuple[str, dict[str, Any]]]) -> None:
        self._waiting.extend(events)
        self._wake.set()

    async def _publish(self) -> None:
        while True:
            while self._waiting:
                event, data = self._waiting.popleft()
                try:
                    await self._broker.publish_event(self._job_id, event, data)
                except Exception as error:  # whatever it is, it must not touch the job itself
                    logger.warning("%s: an event was dropped: %s", self._job_id, error)
            if self._closed:
                return
            self._wake.clear()
            await self._wake.wait()


def _jpeg_base64(image: Image) -> str:
    small = image.convert("RGB")
    small.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    buffer = BytesIO()
    small.save(buffer, format="JPEG", quality=80)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
