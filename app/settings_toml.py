"""Read the configuration file: TOML, with the names of the settings as keys."""

import os
import stat
import tomllib
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, InitSettingsSource

from app.errors import ConfigError

_LOCAL = Path("fewstroke.toml")


def config_file() -> Path | None:
    """The file to read: the one that ``FEWSTROKE_CONFIG`` names, else ``./fewstroke.toml`` when it exists
    and is the user's own."""
    if named := os.environ.get("FEWSTROKE_CONFIG"):
        return Path(named).expanduser()
    return _LOCAL if _LOCAL.is_file() and _whose(_LOCAL) is None else None


def ignored_file() -> str | None:
    """A sentence about a file in the current folder that is not obeyed."""
    if os.environ.get("FEWSTROKE_CONFIG") or not _LOCAL.is_file() or (whose := _whose(_LOCAL)) is None:
        return None
    return f"{_LOCAL.absolute()} {whose} and is not read: name it in FEWSTROKE_CONFIG if you trust it."


def _whose(path: Path) -> str | None:
    """Why what the file says may not be what the user wants; None: it is the user's own.

    It may open the service to everybody and send its work elsewhere, and stands where the user happens to.
    """
    if not hasattr(os, "geteuid"):
        return None
    about = path.stat()
    if about.st_uid not in (os.geteuid(), 0):
        return "belongs to somebody else"
    shared = about.st_mode & stat.S_IWGRP and about.st_gid != about.st_uid  # else the user's private group
    if about.st_mode & stat.S_IWOTH or shared:
        return "can be written by others"
    return None


class FileSource(InitSettingsSource):
    """The configuration file. Raises ConfigError: unreadable, or with names that do not exist."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        self.path = config_file()
        super().__init__(settings_cls, self._read(settings_cls) if self.path else {})

    def _read(self, settings_cls: type[BaseSettings]) -> dict[str, Any]:
        assert self.path is not None
        try:
            values = tomllib.loads(self.path.read_text("utf-8-sig"))  # Windows begins files so
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{self.path} cannot be read ({error}): correct it, or unset FEWSTROKE_CONFIG."
            ) from error
        unknown = sorted(set(values) - set(settings_cls.model_fields))
        if unknown:
            raise ConfigError(
                f"{self.path} has settings that do not exist: {', '.join(unknown)}. "
                "docs/configuration.md lists those that do."
            )
        return values
