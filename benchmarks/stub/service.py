"""A served Fewstroke with the fake engine of the tests, for benchmarks of everything around the model."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path

import httpx
from PIL import Image

from benchmarks.errors import BenchmarkError
from tests.support.served import Service, running_service

__all__ = ["Service", "client", "picture", "ready", "stub_service"]


@asynccontextmanager
async def stub_service(
    data_dir: Path,
    *,
    workers: int,
    env: Mapping[str, str] | None = None,
    worker_env: Sequence[str] = (),
    engine: bool = False,
) -> AsyncIterator[Service]:
    """A ready service on ``data_dir``; killed at the end. ``worker_env``: ``NAME=VALUE`` for workers;
    ``engine``: with the real model instead of the fake engine."""
    fake = ("-m", "tests.support.serve_fake_worker", str(workers), *worker_env)
    command = ("-m", "app.cli", "serve", "--workers", str(workers)) if engine else fake
    async with running_service(data_dir, command, environment=env, ready=False) as service:
        await ready(service)
        yield service


async def ready(service: Service) -> None:
    """Wait for the greeting. Raises BenchmarkError with the log when it does not come."""
    try:
        await service.ready()
    except (AssertionError, TimeoutError) as error:
        raise BenchmarkError(f"the service did not start:\n{service.text[-4000:]}") from error


def picture(colour: str, side: int = 64) -> bytes:
    """A plain PNG."""
    buffer = BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, format="PNG")
    return buffer.getvalue()


def client(url: str) -> httpx.AsyncClient:
    """An HTTP client that no proxy settings of the environment lead astray."""
    return httpx.AsyncClient(base_url=url, timeout=30.0, trust_env=False)
