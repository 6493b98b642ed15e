"""The two walks of docs/architecture.md, checked against the real calls.

A walk is what a debugger shows between an upload and what comes of it: wherever the file or its job changes
hands (it is read, decoded, stored, queued, loaded, given to a network, answered with a gradient), the modules
on the call stack, from the route on. What a network does inside is not the walk's. Application, queue, worker
and networks are real, in this process.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import greenlet  # type: ignore[import-untyped]
import httpx
import obstore
import openvino  # type: ignore[import-untyped]
import PIL.Image
import pytest
import torch
from nats.js import JetStreamContext
from sqlalchemy import Engine as SqlEngine
from sqlalchemy import event
from starlette.datastructures import UploadFile

from app.api.services import Container
from app.imaging import decoder_pool, decoder_process
from app.imaging.decoder_pool import Decoder
from app.imaging.limits import Limits, Normalized
from app.jobs.job import JobState
from app.provenance.signer import Signer
from app.settings import Settings
from app.worker.worker import Worker
from model.formats import default_checkpoint
from model.image.engine import Engine
from tests.support.pictures import files, png
from tests.support.waiting import eventually

pytestmark = pytest.mark.process  # networks are loaded, and compute

PAGE = Path(__file__).parents[3] / "docs/architecture.md"
MOST = 30
ROUTES = ("app.styles.routes", "app.stylizations.routes")
NOT_THE_JOB = ("app.worker.progress", "app.worker.heartbeat")  # they tell of it
JOBS = re.compile(r"(INSERT INTO|UPDATE) jobs\b")


class Walk:
    """The modules of ``app`` and ``model`` in the order in which the stations show them."""

    def __init__(self) -> None:
        self.modules: list[str] = []
        self.open = True

    def look(self) -> None:
        """A station: add what is on the call stack, outermost first."""
        stack = [name for name in _modules(sys._getframe(1)) if name.startswith(("app.", "model."))]
        if not self.open or not stack or stack[0] in NOT_THE_JOB:
            return
        for route in ROUTES:
            if route in stack:
                stack = stack[stack.index(route) :]
        if stack[0].startswith(("app.worker.", *ROUTES, "app.imaging.decoder")):
            self.modules += [name for name in dict.fromkeys(stack) if name not in self.modules]

    def at_networks(self, patch: pytest.MonkeyPatch) -> None:
        """Make every call of a network a station, but not those of its layers."""
        call, depth = torch.nn.Module.__call__, 0

        def called(module: torch.nn.Module, *arguments: Any, **options: Any) -> Any:
            nonlocal depth
            if depth == 0:
                self.look()
            depth += 1
            try:
                return call(module, *arguments, **options)
            finally:
                depth -= 1

        patch.setattr(torch.nn.Module, "__call__", called)

    def at(self, patch: pytest.MonkeyPatch, owner: Any, name: str, *, last: bool = False) -> None:
        """Make a function of a library a station."""
        function: Callable[..., Any] = getattr(owner, name)

        def looked(*arguments: Any, **options: Any) -> Any:
            self.look()
            self.open = self.open and not last
            return function(*arguments, **options)

        patch.setattr(owner, name, looked)


def _modules(frame: Any) -> Iterator[str]:
    """Of the frames that called this one, the outermost first."""
    names: list[str] = []
    here: Any = greenlet.getcurrent()
    while frame is not None:
        names.append(frame.f_globals.get("__name__", ""))
        frame = frame.f_back
        if frame is None and here.parent is not None:  # SQLAlchemy calls its drivers in one of their own
            here = here.parent
            frame = here.gr_frame
    return reversed(names)


@contextmanager
def _stations(patch: pytest.MonkeyPatch) -> Iterator[Walk]:
    walk = Walk()

    async def normalize(
        self: Decoder, source: Path, target: Path, limits: Limits, *, label: str, **_: Any
    ) -> Normalized:
        """What the decoder process does, where it can be seen."""
        walk.look()
        if decoder_pool.__name__ not in walk.modules:
            walk.modules.append(decoder_pool.__name__)
        request = {"source": str(source), "target": str(target), "limits": asdict(limits), "label": label}
        answer = await asyncio.to_thread(decoder_process.answer, request)
        return Normalized(**answer["done"])

    def statement(_connection: Any, _cursor: Any, text: str, *_: Any) -> None:
        if JOBS.match(text):
            walk.look()

    patch.setattr(Decoder, "normalize", normalize)
    walk.at(patch, UploadFile, "write")
    walk.at(patch, PIL.Image, "open")
    walk.at(patch, PIL.Image.Image, "save")
    walk.at(patch, obstore, "put_async")
    walk.at(patch, obstore, "get_async")
    walk.at(patch, JetStreamContext, "publish")
    walk.at_networks(patch)
    walk.at(patch, openvino.InferRequest, "infer")
    event.listen(SqlEngine, "before_cursor_execute", statement)
    try:
        yield walk
    finally:
        event.remove(SqlEngine, "before_cursor_execute", statement)


def written(title: str) -> list[str]:
    """The modules of a walk as the page lists them."""
    text = PAGE.read_text()
    section = text.split(f"### {title}\n", 1)[1].split("\n#", 1)[0]
    return re.findall(r"`((?:app|model)\.[\w.]+)`", section)


@pytest.fixture
async def settings(settings: Settings) -> Settings:
    """With the shipped checkpoint."""
    return settings.model_copy(update={"checkpoint": default_checkpoint()})


@asynccontextmanager
async def working(services: Container, engine: Engine) -> AsyncIterator[None]:
    worker = Worker(
        broker=services.broker,
        ledger=services.ledger,
        sessions=services.sessions,
        blobs=services.blobs,
        engine=engine,
        read_style=engine.read_style,
        signer=Signer.of(services.settings),
    )
    running = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await running


async def test_the_walks_are_those_of_the_page(
    client: httpx.AsyncClient, services: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await asyncio.to_thread(Engine.load, device="cpu")

    async def done(answer: httpx.Response) -> None:
        async def over() -> bool:
            job = await services.ledger.get(answer.json()["job"]["id"])
            assert job.state in (JobState.QUEUED, JobState.RUNNING, JobState.SUCCEEDED), job.error
            return job.state.terminal

        await eventually(over, within=300)

    with monkeypatch.context() as patch, _stations(patch) as learning:
        learning.at(patch, torch.autograd, "grad", last=True)
        async with working(services, engine):
            examples = files(examples=png(128, 128))
            answer = await client.post("/v1/styles", files=examples, data={"steps": "1"})
            await done(answer)
    with monkeypatch.context() as patch, _stations(patch) as rendering:
        style = answer.json()["style"]["id"]
        async with working(services, engine):
            photo = files(contents=png(128, 128))
            await done(await client.post("/v1/stylizations", files=photo, data={"style_id": style}))

    assert written("From an example to the first gradient") == learning.modules
    assert written("From a photo to the rendered file") == rendering.modules
    assert max(len(learning.modules), len(rendering.modules)) <= MOST
