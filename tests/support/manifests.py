"""Read manifests as anybody may: with c2pa's own reader."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import c2pa


def state(data: bytes, media_type: str, anchor: str | None = None) -> str:
    """ "Invalid", "Valid", or with the certificate of an authority "Trusted"."""
    settings: dict[str, Any] = {"version": 1, "verify": {"remote_manifest_fetch": False}}
    if anchor is not None:
        settings["trust"] = {"trust_anchors": anchor}
    with (
        c2pa.Context.from_dict(settings) as context,
        c2pa.Reader(_named(media_type), BytesIO(data), context=context) as reader,
    ):
        found = reader.get_validation_state()
    assert found is not None
    return str(found)


def read(data: bytes, media_type: str) -> dict[str, Any]:
    """The active manifest."""
    with c2pa.Reader(_named(media_type), BytesIO(data)) as reader:
        store = json.loads(reader.json())
    manifest: dict[str, Any] = store["manifests"][store["active_manifest"]]
    return manifest


def _named(media_type: str) -> str:
    return "image/png" if media_type == "image/apng" else media_type
