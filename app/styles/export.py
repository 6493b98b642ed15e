"""Export styles as ONNX files in a process of their own, seen from the HTTP process.

The HTTP process never loads NumPy or onnx, no worker is needed, and nothing is stored: the file is a function
of style, checkpoint and precision, and made in about a second.
"""

import asyncio
import json
import logging
from pathlib import Path

from app.errors import (
    ExportUnavailableError,
    ServiceUnavailableError,
    StyleBaseMismatchError,
    StyleFileInvalidError,
)
from app.infra.fair_semaphore import FairSemaphore
from app.infra.python_processes import start_apart
from model.image.export.precision import Precision

logger = logging.getLogger(__name__)

_SECONDS = 60.0
_TURNS = FairSemaphore(2, each=1)  # of about 80 MB each


async def export(style: bytes, precision: Precision, checkpoint: Path | None, *, owner: str = "") -> bytes:
    """The ONNX file of a style file, when it is this owner's turn.

    Raises ExportUnavailableError (the package onnx is missing), StyleBaseMismatchError,
    StyleFileInvalidError, ServiceUnavailableError.
    """
    arguments = [precision.value, *([str(checkpoint)] if checkpoint else [])]
    async with _TURNS.turn(owner):
        process = await start_apart(
            "app.styles.export_process",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(_SECONDS):
                file, said = await process.communicate(style)
        except TimeoutError as error:
            raise _unavailable() from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if process.returncode == 0:
        return file
    try:
        problem = json.loads(said)
        name, detail = str(problem["error"]), str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        name, detail = "", said.decode(errors="replace")[-2000:]
    sentence = f"{detail[:1].upper()}{detail[1:]}."
    if name == "ExportUnavailableError":
        raise ExportUnavailableError(
            "This service cannot export styles, because the package onnx is not installed on it: whoever "
            "runs it can install it with `pip install 'fewstroke[export]'`."
        )
    if name == "StyleBaseMismatchError":
        raise StyleBaseMismatchError(sentence)
    if name == "StyleFormatError":
        raise StyleFileInvalidError(sentence)
    logger.error("the exporter process ended with %s: %s", process.returncode, detail)
    raise _unavailable()


def _unavailable() -> ServiceUnavailableError:
    return ServiceUnavailableError(
        "The service cannot export styles at this moment: send the request again in a few seconds.",
        headers={"Retry-After": "5"},
    )
