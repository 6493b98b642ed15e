"""Errors of the broker, in the service's tree."""

from __future__ import annotations

from app.errors import AppError, ServiceUnavailableError


class BrokerError(AppError):
    """The broker answered something that was not expected."""

    title = "Broker error"


class BrokerUnavailableError(BrokerError, ServiceUnavailableError):
    """The broker cannot be reached, or did not answer in time."""

    title = "Queue unavailable"


class BrokerStartError(BrokerError):
    """The embedded broker did not come up; the detail holds the end of its log."""
