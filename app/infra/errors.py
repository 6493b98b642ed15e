"""Errors of database, blob store and other infrastructure."""

import errno
import logging

from app.errors import ServiceUnavailableError

logger = logging.getLogger(__name__)


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
    """The blob store cannot be opened, or temporary files not be made."""

    title = "Storage unavailable"


def temp_files_unavailable(error: OSError) -> Exception:
    """What to raise when a temporary file cannot be made: the sender has done nothing wrong.

    A full disk stays an OSError, for which there is an answer already."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return error
    logger.error("temporary files cannot be made: %s; check TMPDIR and who may write there", error)
    return StorageUnavailableError(
        "The service cannot take in files at this moment: try again later, or have its operator look at its "
        "folder for temporary files.",
        headers={"Retry-After": "60"},
    )
