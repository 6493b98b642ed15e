"""The back end that the worker tests run against."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.backend import Backend, running_backend


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[Backend]:
    async with running_backend(tmp_path) as running:
        yield running
