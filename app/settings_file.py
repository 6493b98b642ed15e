"""The configuration file: TOML, with the names of the settings as keys."""

import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, InitSettingsSource

from app.errors import ConfigError


def config_file() -> Path | None:
    """The file to read: the one that ``FEWSTROKE_CONFIG`` names, else ``./fewstroke.toml`` when it exists."""
    if named := os.environ.get("FEWSTROKE_CONFIG"):
        return Path(named).expanduser()
    local = Path("fewstroke.toml")
    return local if local.is_file() else None


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
