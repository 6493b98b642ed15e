"""Errors of database, blob store and other infrastructure."""

from app.errors import ServiceUnavailableError


class DatabaseUnavailableError(ServiceUnavailableError):
    """The database cannot be reached, or not be written."""

    title = "Database unavailable"


class DatabaseReadOnlyError(DatabaseUnavailableError):
    """The database answers and takes no writes."""

    title = "Database read-only"


class DatabaseDamagedError(DatabaseUnavailableError):
    """The database's file is not what was written."""

    title = "Database damaged"


class StorageUnavailableError(ServiceUnavailableError):
    """The blob store cannot be opened."""

    title = "Storage unavailable"
