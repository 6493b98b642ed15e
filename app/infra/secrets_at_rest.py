"""Encrypt stored secrets (of signed links and webhooks) with a key that the database does not hold.

A copy of the database, a backup above all, is then no key to anything. The key is `FEWSTROKE_SECRET_KEY`, or
a file of the data folder that only its user can read, made when it is first needed. With PostgreSQL and no
key set, replicas could not read each other's: secrets then stay as they are, and the log says so.
"""

import base64
import hashlib
import logging
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from app.errors import ConfigError
from app.settings import Settings

logger = logging.getLogger(__name__)

_FILE = "secret.key"
_SEALED = "sealed:"


def keep_private() -> None:
    """What this process and its children write from now on is for its user alone."""
    os.umask(0o077)


class SecretUnreadableError(Exception):
    """A secret was sealed with another key."""


class Seal:
    """Seals and opens; without a key it leaves everything as it is."""

    def __init__(self, key: str | None) -> None:
        self._fernet = Fernet(_derived(key)) if key else None

    @classmethod
    def of(cls, settings: Settings) -> "Seal":
        """As configured. Raises ConfigError."""
        if settings.secret_key is not None:
            return cls(settings.secret_key.get_secret_value())
        if settings.database.get_backend_name() == "sqlite":
            return cls(_key_in(settings.data_dir / _FILE))
        logger.warning(
            "FEWSTROKE_SECRET_KEY is not set: secrets of links and webhooks stand in the database in clear"
        )
        return cls(None)

    def seal(self, secret: str) -> str:
        """As it is stored."""
        if self._fernet is None:
            return secret
        return _SEALED + self._fernet.encrypt(secret.encode()).decode()

    def open(self, stored: str) -> str:
        """As it was. Raises SecretUnreadableError."""
        if not stored.startswith(_SEALED):
            return stored  # from before there was a key
        try:
            if self._fernet is None:
                raise InvalidToken
            return self._fernet.decrypt(stored.removeprefix(_SEALED)).decode()
        except InvalidToken as error:
            raise SecretUnreadableError(
                "a secret in the database was sealed with another key: set the FEWSTROKE_SECRET_KEY, or put "
                "back the secret.key, that belongs to it"
            ) from error

    def is_open(self, stored: str) -> bool:
        """Whether it stands there in clear although it need not."""
        return self._fernet is not None and not stored.startswith(_SEALED)


def _derived(key: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest())


def _key_in(path: Path) -> str:
    """Of two processes that make it at once the one that links it first counts."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary = path.with_name(f".{_FILE}.{os.getpid()}")
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as stream:
                stream.write(secrets.token_urlsafe(32))
            try:
                os.link(temporary, path)
            except FileExistsError:
                pass
            finally:
                temporary.unlink()
        return path.read_text("ascii").strip()
    except OSError as error:
        raise ConfigError(
            f"The key in {path} cannot be read or made ({error.strerror}): give this user the right to, or "
            "set FEWSTROKE_SECRET_KEY."
        ) from error
