"""Sign result files: a C2PA manifest in the file says how it was made, and shows later changes.

Everything happens on this machine; nothing is fetched. Thumbnails are left out: they would weigh more than
many a result.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from io import BytesIO
from typing import Any

import c2pa
from PIL import Image

from app.errors import ConfigError
from app.provenance.c2pa_settings import ACTIONS, OFFLINE, RECORD
from app.provenance.certificates import Credentials, load
from app.settings import Settings

_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_NOT_OURS = {"image/apng": "image/png"}  # names that the library does not know


@dataclass(frozen=True)
class Claim:
    """What a manifest says. ``parent``: the archive of the photo's own manifest (``app.provenance.marks``);
    ``composed``: made without a photo, by the model alone."""

    record: Mapping[str, Any]
    parent: bytes | None = None
    composed: bool = False


class Signer:
    """Signs with one certificate. May be used from several threads."""

    def __init__(self, credentials: Credentials) -> None:
        """Raises ConfigError when what is signed with these is not valid."""
        info = c2pa.C2paSignerInfo(credentials.algorithm, credentials.chain, credentials.key, None)
        self._context = c2pa.Context.from_dict(OFFLINE)
        self._types = frozenset(c2pa.Builder.get_supported_mime_types())
        try:
            self._signer = c2pa.Signer.from_info(info)
            self._check()
        except c2pa.C2paError as error:
            raise ConfigError(
                f"Results cannot be signed with this certificate ({error}): C2PA asks for the key usage "
                "digital signature and a purpose such as e-mail protection (docs/originality.md)."
            ) from error

    @classmethod
    def of(cls, settings: Settings) -> "Signer":
        """As configured. Raises ConfigError."""
        return cls(load(settings))

    def signs(self, media_type: str) -> bool:
        """Whether files of this kind can hold a manifest."""
        return _NOT_OURS.get(media_type, media_type) in self._types

    def sign(self, data: bytes, media_type: str, claim: Claim) -> bytes:
        """The file with a manifest in it; all else stays as it is. Raises ``c2pa.C2paError``."""
        signed = BytesIO()
        with c2pa.Builder(json.dumps(_manifest(claim)), context=self._context) as builder:
            if claim.parent is not None:
                builder.add_ingredient_from_archive(BytesIO(claim.parent))
                builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
            else:
                builder.set_intent(c2pa.C2paBuilderIntent.CREATE, _source_type(claim))
            builder.sign(self._signer, _NOT_OURS.get(media_type, media_type), BytesIO(data), signed)
        return signed.getvalue()

    def _check(self) -> None:
        """The library looks at a certificate when it first signs with it."""
        dot = BytesIO()
        Image.new("RGB", (1, 1)).save(dot, format="PNG")
        self.sign(dot.getvalue(), "image/png", Claim({}))


def _manifest(claim: Claim) -> dict[str, Any]:
    agent = {"name": "Fewstroke", "version": version("fewstroke")}
    edited = {
        "action": "c2pa.edited",
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "softwareAgent": agent,
        "digitalSourceType": _SOURCE_TYPES + _kind(claim),
    }
    return {
        "claim_generator_info": [agent],
        "assertions": [
            {"label": ACTIONS, "data": {"actions": [] if claim.composed else [edited]}},
            {"label": RECORD, "data": dict(claim.record)},
        ],
    }


def _kind(claim: Claim) -> str:
    return "trainedAlgorithmicMedia" if claim.composed else "compositeWithTrainedAlgorithmicMedia"


def _source_type(claim: Claim) -> c2pa.C2paDigitalSourceType:
    types = c2pa.C2paDigitalSourceType
    if claim.composed:
        return types.TRAINED_ALGORITHMIC_MEDIA
    return types.COMPOSITE_WITH_TRAINED_ALGORITHMIC_MEDIA
