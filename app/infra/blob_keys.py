"""The keys of blobs: make them, and recognise those that are ours.

What :mod:`app.retention` deletes it knows by its key alone. A folder or bucket may hold other things, so a
key that no function here can make belongs to somebody else.
"""

import re

_JOB = "job_[0-9A-Z]{26}"
_OURS = re.compile(
    f"uploads/{_JOB}/[^/]+"
    f"|results/{_JOB}/[0-9]+/[^/]+"
    r"|styles/sty_[0-9A-Z]{26}\.safetensors"
    r"|presets/[a-z0-9]+-[0-9a-f]{16}\.safetensors"
    "|doctor/img_[0-9A-Z]{26}"
)

FOLDERS = ("uploads", "results", "styles", "presets", "doctor")
"""Where keys begin."""


def upload_key(job_id: str, name: str) -> str:
    """Of a picture that came with a job."""
    return f"uploads/{job_id}/{name}"


def results_of(job_id: str) -> str:
    """What the keys of a job's results begin with."""
    return f"results/{job_id}"


def result_key(job_id: str, attempt: int, name: str) -> str:
    """Of what an attempt of a job has made."""
    return f"{results_of(job_id)}/{attempt}/{name}"


def imported_style_key(style_id: str) -> str:
    """Of a style that came as a file."""
    return f"styles/{style_id}.safetensors"


def preset_key(slug: str, digest: str) -> str:
    """Of a style that comes with the service; ``digest``: SHA-256 (hex) of its file."""
    return f"presets/{slug}-{digest[:16]}.safetensors"


def trial_key(trial_id: str) -> str:
    """Of what `fewstroke doctor` writes, to see whether that goes; ids are those of images."""
    return f"doctor/{trial_id}"


def is_ours(key: str) -> bool:
    """Whether a function here may have made it."""
    return _OURS.fullmatch(key) is not None
