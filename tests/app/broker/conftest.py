"""A real nats-server per module, and brokers connected to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from app.infra.broker import Broker, EmbeddedServer


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    async with EmbeddedServer(tmp_path) as running:
        yield running


class Brokers:
    """Makes connections that are closed at the end of the test."""

    def __init__(self, server: EmbeddedServer, stack: AsyncExitStack) -> None:
        self._server = server
        self._stack = stack

    async def connect(self) -> Broker:
        broker = await Broker.connect(self._server.url, token=self._server.token)
        self._stack.push_async_callback(broker.close)
        return broker


@pytest.fixture
async def brokers(server: EmbeddedServer) -> AsyncIterator[Brokers]:
    async with AsyncExitStack() as stack:
        yield Brokers(server, stack)


@pytest.fixture
async def broker(brokers: Brokers) -> Broker:
    return await brokers.connect()
