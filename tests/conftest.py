"""The mark ``process``: what `make test-fast` leaves out, and what runs one after the other.

Modules whose tests start processes of their own are marked where they are; tests that get them from a fixture
are marked here, so that none is forgotten.
"""

from __future__ import annotations

import pytest

_STARTING = frozenset({"backend", "served", "server", "servers", "start_worker"})
"""Fixtures that start processes: workers, whole services, brokers that the test stops."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _STARTING & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.process)
