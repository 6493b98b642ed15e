"""How the C2PA library is set: it fetches nothing, and puts no thumbnails into files."""

from typing import Any

ACTIONS = "c2pa.actions.v2"
RECORD = "org.fewstroke.record"
"""The assertion with the record of how a result was made."""

OFFLINE: dict[str, Any] = {
    "version": 1,
    "builder": {
        "thumbnail": {"enabled": False},
        "created_assertion_labels": [ACTIONS, "c2pa.ingredient.v3", RECORD],  # what we answer for
    },
    "verify": {"verify_after_sign": False, "ocsp_fetch": False, "remote_manifest_fetch": False},
}
