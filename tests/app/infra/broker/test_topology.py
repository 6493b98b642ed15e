"""Making the streams: what is a matter of time, and what is not."""

from __future__ import annotations

import pytest
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.errors import BadRequestError, ServiceUnavailableError

from app.infra.broker import topology
from app.infra.broker.client import Broker


class _Streams:
    def __init__(self, error: Exception) -> None:
        self._error = error

    async def add_stream(self, _config: object) -> None:
        raise self._error


@pytest.mark.parametrize(
    "error",
    [
        BadRequestError(code=400, err_code=10005, description="no suitable peers, peer offline"),
        ServiceUnavailableError(code=503),
        NoRespondersError(),
        NatsTimeoutError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_cluster_that_is_not_complete_is_waited_for(error: Exception) -> None:
    with pytest.raises(topology.NotYetError):
        await topology.ensure_topology(_Streams(error), replicas=3)  # type: ignore[arg-type]


async def test_a_wrong_configuration_is_not() -> None:
    error = BadRequestError(code=400, err_code=10052, description="duplicates window too large")
    with pytest.raises(BadRequestError):
        await topology.ensure_topology(_Streams(error), replicas=3)  # type: ignore[arg-type]


async def test_it_is_tried_again_until_it_works(server, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = 0
    real = topology.ensure_topology

    async def at_the_third(*arguments: object, **options: object) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise topology.NotYetError("no suitable peers")
        await real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(topology, "ensure_topology", at_the_third)
    broker = await Broker.connect(server.url, token=server.token)
    await broker.publish_job("adapt", "job_1")
    await broker.close()
    assert tries == 3
