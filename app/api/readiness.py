"""The log of what the service cannot do without."""

import logging
from collections.abc import Mapping

logger = logging.getLogger(__name__)


class Readiness:
    """Logs what is missing when that changes; probes themselves are not logged."""

    def __init__(self) -> None:
        self._missing: frozenset[str] | None = None

    def note(self, missing: Mapping[str, str]) -> None:
        """What the latest probe found."""
        if self._missing == frozenset(missing):
            return
        if missing:
            what = "; ".join(f"{name}: {problem}" for name, problem in missing.items())
            level = logging.INFO if self._missing is None else logging.WARNING  # a start takes its seconds
            logger.log(level, "not ready: %s", what, extra={"missing": sorted(missing)})
        else:
            logger.info("ready")
        self._missing = frozenset(missing)
