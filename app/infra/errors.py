"""Errors of what the service stands on, in its tree."""

from app.errors import ServiceUnavailableError


class DatabaseUnavailableError(ServiceUnavailableError):
    """The database cannot be reached, or not be written."""

    title = "Database unavailable"


class StorageUnavailableError(ServiceUnavailableError):
    """The blob store cannot be opened."""

    title = "Storage unavailable"
