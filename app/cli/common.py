"""What all commands share: exit codes, errors as sentences, logging."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Literal

import typer
from rich.console import Console
from rich.markup import escape

from app.infra.logs import log_format
from app.redaction import redact

logger = logging.getLogger(__name__)


class ExitCode(IntEnum):
    """Exit statuses; 2 (wrong usage) is typer's own."""

    FAILED = 1  # something went wrong on the way
    INPUT = 3  # a file that was given cannot be used
    SETUP = 78  # the installation is incomplete: starting again would not help (EX_CONFIG)
    INTERRUPTED = 130


class InputError(Exception):
    """A file or folder that was named on the command line cannot be used; the text says why."""


def err_console() -> Console:
    """Messages go to standard error; standard output is for results."""
    return Console(stderr=True, highlight=False, emoji=False)  # `:cat:` may be part of a path


def tell(text: str) -> None:
    """Print one line of results as it is, also the bytes of paths that are not UTF-8."""
    out = getattr(sys.stdout, "rich_proxied_file", sys.stdout)  # while a progress bar is shown
    out.flush()
    out.buffer.write(os.fsencode(text + os.linesep))
    out.buffer.flush()


def complain(text: str, *, kind: Literal["error", "warning"] = "error") -> None:
    """Print one error, or warning, without secrets; a line of the log where that is JSON."""
    text = redact(text)
    if log_format() == "json":
        logger.log(logging.ERROR if kind == "error" else logging.WARNING, "%s", text)
        return
    colour = "red" if kind == "error" else "yellow"
    err_console().print(f"[bold {colour}]{kind}:[/] {escape(text)}", soft_wrap=True)


@contextmanager
def about(path: Path) -> Iterator[None]:
    """Name the file in the sentence of an error about it, and make one of what the system says of it.

    Raises InputError.
    """
    from app.errors import ImageError
    from model.errors import StyleBaseMismatchError, StyleFormatError

    try:
        yield
    except (ImageError, StyleBaseMismatchError, StyleFormatError) as error:
        said = str(error)
        raise InputError(said if said.startswith(str(path)) else f"{path}: {said}") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


@contextmanager
def reported_errors() -> Iterator[None]:
    """Turn expected errors into one sentence and an exit code; let bugs show their traceback."""
    from app.errors import AppError, ConfigError, ImageError
    from model.errors import (
        CheckpointFormatError,
        CheckpointMissingError,
        DeviceUnavailableError,
        ExportUnavailableError,
        ModelError,
        RendererUnavailableError,
        StyleBaseMismatchError,
        StyleFormatError,
    )

    try:
        yield
    except (InputError, ImageError, StyleFormatError, StyleBaseMismatchError) as error:
        complain(str(error))
        raise typer.Exit(ExitCode.INPUT) from error
    except (  # SetupError of the supervisor is a ConfigError
        CheckpointMissingError,
        CheckpointFormatError,
        ConfigError,
        DeviceUnavailableError,
        ExportUnavailableError,
        RendererUnavailableError,
    ) as error:
        complain(str(error))
        raise typer.Exit(ExitCode.SETUP) from error
    except (ModelError, AppError) as error:
        complain(str(error))
        raise typer.Exit(ExitCode.FAILED) from error
    except KeyboardInterrupt as error:
        complain("interrupted")
        raise typer.Exit(ExitCode.INTERRUPTED) from error
