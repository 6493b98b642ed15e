"""Turn an exception of a run into the error code and the sentence that the job's owner reads."""

from __future__ import annotations

import logging
import sys

from app.errors import AppError, ErrorCode
from model.errors import ModelError, StyleBaseMismatchError, StyleFormatError

logger = logging.getLogger(__name__)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed: Python's, torch's on the GPU, or torch's on the CPU."""
    torch = sys.modules.get("torch")  # only a process that has torch can see its errors
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


def free_memory() -> None:
    """Hand cached GPU memory back after an allocation failed, so that the next job finds it."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def explain(error: Exception) -> tuple[ErrorCode, str]:
    """The code and the sentence for a failed job."""
    if is_out_of_memory(error):
        return (
            ErrorCode.OUT_OF_MEMORY,
            "The worker ran out of memory on this job: submit it with a smaller size or fewer pictures.",
        )
    if isinstance(error, StyleBaseMismatchError):
        return ErrorCode.STYLE_BASE_MISMATCH, str(error)
    if isinstance(error, StyleFormatError):
        return ErrorCode.STYLE_FILE_INVALID, str(error)
    if isinstance(error, ModelError):
        return ErrorCode.JOB_FAILED, str(error)
    if isinstance(error, AppError):
        return error.code, error.detail
    return (
        ErrorCode.INTERNAL_ERROR,
        f"The worker hit an unexpected {type(error).__name__}; its log holds the details. "
        "Submit the job again, and report it when that fails too.",
    )
