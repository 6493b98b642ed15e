"""Errors of the supervisor."""

from __future__ import annotations

from app.errors import AppError, ConfigError


class SupervisorError(AppError):
    """The service cannot be started or cannot go on; the detail says what to do."""

    title = "The service cannot run"


class DataFolderBusyError(SupervisorError):
    """Another ``fewstroke serve`` uses the data folder."""


class DataFolderUnusableError(SupervisorError):
    """The data folder cannot be made or written."""


class SetupError(SupervisorError, ConfigError):
    """A part said that its setup is wrong: starting again would not help."""
