"""Run every check, one after the other, each with a timeout; none stops the others."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from app.doctor.host_checks import (
    check_certificate,
    check_checkpoint,
    check_decoder,
    check_device,
    check_disk,
    check_modes,
    check_port,
    check_settings,
)
from app.doctor.report import Finding, Trouble, Verdict
from app.doctor.service_checks import check_broker, check_clock, check_database, check_storage, check_styles
from app.errors import AppError
from app.infra.logs import reason
from app.redaction import redact
from app.settings import Settings

Check = Callable[[], Awaitable[str]]
"""Returns what is fine. Raises Trouble, or whatever went wrong."""

_SECONDS = 60.0  # of one check; loading the model takes the longest


async def examine(settings: Settings, *, device: str = "auto") -> list[Finding]:
    """All findings, in the order in which they are best read."""
    checks: dict[str, tuple[Check, str]] = {
        "settings": (check_settings, "`fewstroke config` shows what is in effect."),
        "database": (
            lambda: check_database(settings),
            "Check FEWSTROKE_DATABASE_URL and that the server runs, or that the data folder can be written.",
        ),
        "storage": (
            lambda: check_storage(settings),
            "Check FEWSTROKE_BLOBS_URL, the S3 settings, and who may write there.",
        ),
        "broker": (
            lambda: check_broker(settings),
            "Start `fewstroke serve` on this data folder, or check FEWSTROKE_NATS_URL and its token.",
        ),
        "clock": (lambda: check_clock(settings), "Keep the clocks of all machines in step (NTP, chrony)."),
        "modes": (lambda: check_modes(settings), "Give folder and files to the user of the service."),
        "certificate": (
            lambda: check_certificate(settings),
            "Name another one with FEWSTROKE_SIGNING_CERTIFICATE, or make one with `fewstroke certificates "
            "create` (docs/originality.md).",
        ),
        "disk": (lambda: check_disk(settings), "Make room on the disk of the data folder."),
        "checkpoint": (
            lambda: check_checkpoint(settings, device),
            "Point FEWSTROKE_CHECKPOINT at a checkpoint, or install the package again.",
        ),
        "styles": (lambda: check_styles(settings), "Look at the database first."),
        "device": (lambda: check_device(device), "Choose another one with --device, or repair its driver."),
        "decoder": (
            lambda: check_decoder(settings),
            "Install the package again with its dependencies (Pillow).",
        ),
        "port": (lambda: check_port(settings), "Choose another one with FEWSTROKE_PORT."),
    }
    return [await _finding(name, check, mend) for name, (check, mend) in checks.items()]


async def _finding(name: str, check: Check, mend: str) -> Finding:
    finding = await _found(name, check, mend)
    return replace(finding, says=redact(finding.says))


async def _found(name: str, check: Check, mend: str) -> Finding:
    try:
        async with asyncio.timeout(_SECONDS):
            return Finding(name, Verdict.OK, await check())
    except Trouble as trouble:
        return Finding(name, trouble.verdict, str(trouble), trouble.mend)
    except TimeoutError:
        return Finding(name, Verdict.FAIL, f"no answer within {_SECONDS:g} seconds", mend)
    except Exception as error:  # a check reports whatever is wrong
        said = str(error) if isinstance(error, AppError) else f"{type(error).__name__}: {reason(error)}"
        return Finding(name, Verdict.FAIL, said, mend)
