"""A signer for tests that store results."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from app.provenance.signer import Signer
from app.settings import Settings


@cache
def signer() -> Signer:
    """One that signs, with a certificate of its own."""
    with TemporaryDirectory() as folder:
        return Signer.of(Settings(data_dir=Path(folder)))
