"""Probe what the service depends on, at most once a second, and log when that changes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from time import monotonic

from app.infra.errors import DatabaseDamagedError, DatabaseReadOnlyError
from app.infra.logs import reason
from app.redaction import redact

logger = logging.getLogger(__name__)

_PROBE_SECONDS = 3.0
_FRESH = 1.0  # s for which everybody gets what was found: anybody may ask, at any rate


class Lack(StrEnum):
    """What is wrong with a part, in a word: all that a stranger is told."""

    AWAY = "away"  # it cannot be reached, or refuses
    SLOW = "slow"  # no answer in time
    READ_ONLY = "read_only"
    DAMAGED = "damaged"
    NONE = "none"  # there is no worker
    OTHER_BASE = "other_base"  # all workers run another checkpoint
    HANGING = "hanging"  # no worker goes on with its job
    STOPPING = "stopping"


class LackError(Exception):
    """A probe found a lack by itself; its text says what to do."""

    def __init__(self, lack: Lack, says: str) -> None:
        super().__init__(says)
        self.lack = lack


@dataclass(frozen=True)
class Look:
    """What the probes found: what is missing, what to say of it, and what each probe returned."""

    missing: Mapping[str, Lack]
    details: Mapping[str, str]
    found: Mapping[str, object]


class Readiness:
    """Looks, and logs what is missing when that changes; probes themselves are not logged."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._missing: frozenset[str] | None = None
        self._looked: tuple[float, Look] | None = None
        self._looking = asyncio.Lock()

    async def look(self, probes: Mapping[str, Callable[[], Awaitable[object]]]) -> Look:
        """What they find, or found a moment ago."""
        async with self._looking:
            if self._looked is not None and self._clock() - self._looked[0] < _FRESH:
                return self._looked[1]
            results = await asyncio.gather(*(_probe(probe) for probe in probes.values()))
            found = dict(zip(probes, results, strict=True))
            lacks = {name: error for name, (_, error) in found.items() if error is not None}
            look = Look(
                missing={name: lack for name, (lack, _) in lacks.items()},
                details={name: says for name, (_, says) in lacks.items()},
                found={name: result for name, (result, _) in found.items()},
            )
            self._looked = self._clock(), look
        self._note(look.details)
        return look

    def _note(self, details: Mapping[str, str]) -> None:
        if self._missing == frozenset(details):
            return
        if details:
            what = "; ".join(f"{name}: {says}" for name, says in details.items())
            level = logging.INFO if self._missing is None else logging.WARNING  # a start takes its seconds
            logger.log(level, "not ready: %s", what, extra={"missing": sorted(details)})
        else:
            logger.info("ready")
        self._missing = frozenset(details)


async def _probe(probe: Callable[[], Awaitable[object]]) -> tuple[object, tuple[Lack, str] | None]:
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            return await probe(), None
    except TimeoutError:
        return None, (Lack.SLOW, f"no answer within {_PROBE_SECONDS:g} seconds")
    except LackError as error:
        return None, (error.lack, str(error))
    except (DatabaseReadOnlyError, DatabaseDamagedError) as error:
        lack = Lack.READ_ONLY if isinstance(error, DatabaseReadOnlyError) else Lack.DAMAGED
        return None, (lack, error.detail)
    except Exception as error:  # a probe reports whatever keeps the service from working
        return None, (Lack.AWAY, redact(reason(error)))
