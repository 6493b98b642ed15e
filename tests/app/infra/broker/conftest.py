"""Real nats-servers, one and a cluster of three, and brokers connected to them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from app.infra.broker import Broker, EmbeddedServer
from tests.app.infra.broker.cluster import Cluster


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    async with EmbeddedServer(tmp_path) as running:
        yield running


@pytest.fixture(scope="session")
def running_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    cluster.open()
    yield cluster
    cluster.close()


@pytest.fixture(params=["one", "cluster"])
async def servers(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EmbeddedServer | Cluster]:
    """One server; where FEWSTROKE_TEST_NATS_CLUSTER is set (it takes a minute) also a cluster of three."""
    if request.param == "one":
        async with EmbeddedServer(tmp_path) as running:
            yield running
        return
    if not os.environ.get("FEWSTROKE_TEST_NATS_CLUSTER"):
        pytest.skip("FEWSTROKE_TEST_NATS_CLUSTER is not set")
    cluster: Cluster = request.getfixturevalue("running_cluster")
    await cluster.heal()
    yield cluster


class Brokers:
    """Makes connections that are closed at the end of the test."""

    def __init__(self, server: EmbeddedServer | Cluster, stack: AsyncExitStack) -> None:
        self._server = server
        self._stack = stack

    async def connect(self) -> Broker:
        replicas = self._server.replicas if isinstance(self._server, Cluster) else 1
        broker = await Broker.connect(
            self._server.url, token=self._server.token, replicas=replicas, within=30
        )
        self._stack.push_async_callback(broker.close)
        return broker


@pytest.fixture
async def brokers(servers: EmbeddedServer | Cluster) -> AsyncIterator[Brokers]:
    async with AsyncExitStack() as stack:
        yield Brokers(servers, stack)


@pytest.fixture
async def broker(brokers: Brokers) -> Broker:
    return await brokers.connect()
