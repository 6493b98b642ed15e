"""The objects that the OpenAPI examples show: one consistent set of styles, jobs and images.

Five prints become a style, the style is put on two photos, one of which is no picture; a webhook is told.
"""

import json
from typing import Any

from app.jobs.job import JobState
from model.formats import STYLE_FORMAT

BASE = "02f3c0b560fb4e0ff7ed4867c47b9b0f3eff7b4a742bbbb0282e39127939dde8"
OLD_BASE = "9f2b1c4d5e6f7a8b9f2b1c4d5e6f7a8b9f2b1c4d5e6f7a8b9f2b1c4d5e6f7a8b"
STYLE_ID = "sty_01KATG4MZ5T8WQJ2V7N3X9RB6C"
IMPORTED_ID = "sty_01KATGF0N3D6YHK8S1P5C2QXW7"
LEARNING_ID = "job_01KATG4MZ4C1H6RFE8Y0TKD2NV"
RENDERING_ID = "job_01KATG8Q2W7NXB5J9A3M6F0ZPE"
BOTH_ID = "job_01KATGAV4T9ZJ2S6R8WHX0QD5K"
RETRY_ID = "job_01KATGC61B4E8M2V7N9YKFT3RH"
STYLIZATION_ID = "stz_01KATG8Q2X3VDM4C6S1Y8T0HGR"
CONTENT_ID = "img_01KATG8Q1K9E2B7W5RJ4N6XTZD"
RESULT_ID = "img_01KATG8SE6P0H3Y7M1QV5C9KXA"
BATCH_ID = "bat_01KATG9D4T2K7V1X5N8Q3M6BWR"
DRAWING_ID = "job_01KATG9D4S8H3C6Z0J4P1R9FTY"
SONGS_ID = "sty_01KATH1C5B2D8W6N4T0Y9XR3ZM"
COMPOSING_ID = "job_01KATH2K7Q5V1E3R9N8B6M4XCT"
COMPOSITION_ID = "cmp_01KATH2K7R0S4W2Z8D6F1Y3HVG"
POETRY_ID = "sty_01KATH5D3F8N1Q6V4T2Z9X7BRC"
WRITING_ID = "job_01KATH5H2M9P4S7W1C6E8G3JKN"
POEM_ID = "poe_01KATH5H2N0R5T8X2D7F9H4KMQ"
VERSE_ID = "fil_01KATH5H2P1S6V9Y3E8G0J5MNR"
PROSE_ID = "sty_01KATH7B4M9Q2X6S8V1T3Z5NRD"
TELLING_ID = "job_01KATH7F6P1R4Y8W0C2E5G7JKM"
STORY_ID = "sto_01KATH7F6Q3S6Z9X1D4F8H0KNP"
TALE_ID = "fil_01KATH7F6R5T8A0Y3E6G9J2MQS"
MIDI_ID = "fil_01KATH2Q9C3X7B5V1N8M6K4JTR"
WEBHOOK_ID = "whk_01KATFZ0V8S3N6D1R4M7Q2X5TB"
MESSAGE_ID = "msg_01KATG5KB0F7J2W9C4H6Y8E1ZS"
REQUEST_ID = "req_01KATG4MYRA6S9D3V0X7B1QK5W"

LOSSES = {
    "start": {"total": 1.0},
    "end": {"total": 0.8806},
}
HEADER = {
    "base_hash": BASE,
    "k": 5,
    "steps": 24,
    "seed": 0,
    "losses": LOSSES,
    "licence": "Apache-2.0",
    "format": STYLE_FORMAT,
    "modality": "image",
    "rights": "Public domain",
    "examples_licence": "CC0-1.0",
    "surface": {
        "evenness": 1.0,
        "brushwork": 0.0,
        "direction": 1.0,
        "tint": 0.6,
        "hatching": 0.0,
        "ink": 0.0,
        "linework": 0.0,
    },
}


def job(job_id: str, kind: str, state: str, *, at: str, **more: Any) -> dict[str, Any]:
    """A job."""
    address = f"/v1/jobs/{job_id}"
    begun = state not in ("queued", "canceled")
    over = JobState(state).terminal
    return {
        "id": job_id,
        "kind": kind,
        "modality": "image",
        "state": state,
        "attempt": 1 if begun else 0,
        "retry_of": None,
        "style_id": STYLE_ID,
        "created_at": f"2026-11-24T{at}:02.514301Z",
        "started_at": f"2026-11-24T{at}:02.551876Z" if begun else None,
        "finished_at": f"2026-11-24T{at}:19.460217Z" if over else None,
        "result": None,
        "error": None,
        "links": {
            "self": address,
            "events": f"{address}/events",
            "cancel": f"{address}/cancel",
            "retry": f"{address}/retry",
        },
        **more,
    }


def image(image_id: str) -> dict[str, Any]:
    """An image as jobs name it."""
    return {"id": image_id, "url": f"/v1/images/{image_id}/content"}


def made(images: list[dict[str, Any]], steps: int, seconds: float) -> dict[str, Any]:
    """What a job made."""
    losses = LOSSES if steps else {}
    return {
        "style_id": STYLE_ID,
        "images": images,
        "files": [],
        "losses": losses,
        "steps": steps,
        "seconds": seconds,
    }


QUEUED = job(LEARNING_ID, "adapt", "queued", at="09:12")
RUNNING = job(LEARNING_ID, "adapt", "running", at="09:12")
LEARNED = job(LEARNING_ID, "adapt", "succeeded", at="09:12", result=made([], 24, 16.872))
RENDER_QUEUED = job(RENDERING_ID, "stylize", "queued", at="09:14")
RENDERED = job(RENDERING_ID, "stylize", "succeeded", at="09:14", result=made([image(RESULT_ID)], 0, 0.431))
BOTH_QUEUED = job(BOTH_ID, "stylize_once", "queued", at="09:15")
BOTH_DONE = job(BOTH_ID, "stylize_once", "succeeded", at="09:15", result=made([image(RESULT_ID)], 24, 17.306))
CANCELED = job(
    LEARNING_ID,
    "adapt",
    "canceled",
    at="09:12",
    error={
        "code": "job_canceled",
        "detail": "The job was canceled: submit it again if it is wanted after all.",
    },
)

PENDING_STYLE: dict[str, Any] = {
    "id": STYLE_ID,
    "modality": "image",
    "name": "Waves",
    "description": "Five woodblock prints",
    "rights": "Public domain",
    "licence": "CC0-1.0",
    "status": "pending",
    "job_id": LEARNING_ID,
    "base_hash": None,
    "size_bytes": None,
    "header": None,
    "created_at": "2026-11-24T09:12:02.513977Z",
    "expires_at": None,
    "ready_at": None,
    "file_url": None,
    "preset": None,
}
STYLE = PENDING_STYLE | {
    "status": "ready",
    "base_hash": BASE,
    "size_bytes": 148112,
    "header": HEADER,
    "ready_at": "2026-11-24T09:12:19.458830Z",
    "file_url": f"/v1/styles/{STYLE_ID}/file",
    "preset": None,
}
IMPORTED = STYLE | {
    "id": IMPORTED_ID,
    "description": None,
    "rights": None,
    "licence": None,
    "job_id": None,
    "created_at": "2026-11-24T09:18:40.120665Z",
    "ready_at": "2026-11-24T09:18:40.120665Z",
    "file_url": f"/v1/styles/{IMPORTED_ID}/file",
    "preset": None,
}
RELEARNED = job(RETRY_ID, "adapt", "succeeded", at="09:21", result=made([], 24, 16.872))
RELEARNING = STYLE | {
    "status": "pending",
    "job_id": RETRY_ID,
    "base_hash": OLD_BASE,
    "header": HEADER | {"base_hash": OLD_BASE},
}


def item(position: int, name: str, status: str, **more: Any) -> dict[str, Any]:
    """A content of a stylization."""
    empty = {"content_id": None, "image": None, "error": None}
    return {"position": position, "name": name, "status": status, **empty, **more}


REFUSED = item(
    1,
    "notes.txt",
    "failed",
    error={
        "code": "image_format_unsupported",
        "detail": "File 2 of `contents` is no JPEG, PNG, WebP or GIF: convert it and send it again.",
    },
)


def stylization(job: dict[str, Any], items: list[dict[str, Any]]) -> dict[str, Any]:
    """A stylization, and its job."""
    return {
        "id": STYLIZATION_ID,
        "style_id": STYLE_ID,
        "styles": [{"id": STYLE_ID, "weight": 0.7}, {"id": IMPORTED_ID, "weight": 0.3}],
        "settings": {
            "strength": 0.9,
            "abstraction": 0.5,
            "stroke_size": 1.0,
            "preserve_color": False,
            "size": 1280,
            "format": "png",
            "quality": None,
            "mask_id": None,
            "outside_style_id": None,
            "feather": 0.0,
            "provenance": "signed",
            "label": "bottom-right",
        },
        "created_at": job["created_at"],
        "expires_at": "2026-12-24T09:14:02.514301Z",
        "job": job,
        "items": items,
        "images": [item["image"] for item in items if item["image"]],
    }


PHOTO_WAITS = item(0, "harbour.jpg", "pending", content_id=CONTENT_ID)
PHOTO_DONE = item(0, "harbour.jpg", "succeeded", content_id=CONTENT_ID, image=image(RESULT_ID))
STYLIZATION_WAITS = stylization(RENDER_QUEUED, [PHOTO_WAITS, REFUSED])
STYLIZATION = stylization(RENDERED, [PHOTO_DONE, REFUSED])
ONE_STYLE = {"styles": [{"id": STYLE_ID, "weight": 1.0}]}

BATCH_QUEUED = job(DRAWING_ID, "batch", "queued", at="09:17")
BATCH_DONE = job(DRAWING_ID, "batch", "succeeded", at="09:17", result=made([], 0, 812.4))


def batch(job: dict[str, Any], succeeded: int, errors: list[dict[str, Any]]) -> dict[str, Any]:
    """A batch of 2000 photos, and its job."""
    return {
        "id": BATCH_ID,
        "style_id": STYLE_ID,
        "styles": [{"id": STYLE_ID, "weight": 1.0}],
        "settings": {
            "strength": 0.9,
            "abstraction": 0.5,
            "stroke_size": 1.0,
            "preserve_color": False,
            "size": 1280,
            "format": "jpeg",
            "quality": None,
            "provenance": "signed",
            "label": "none",
        },
        "created_at": job["created_at"],
        "expires_at": "2026-12-24T09:17:02.514301Z",
        "job": job,
        "counts": {"total": 2000, "succeeded": succeeded, "failed": len(errors)},
        "errors": errors,
    }


BATCH_WAITS = batch(BATCH_QUEUED, 0, [])
BATCH = batch(
    BATCH_DONE,
    1999,
    [
        {
            "position": 17,
            "custom_id": "harbour/0018.jpg",
            "photo": "harbour/0018.jpg",
            "error": {
                "code": "image_corrupt",
                "detail": "harbour/0018.jpg is damaged: save it again and send it anew.",
            },
        }
    ],
)

RESULT: dict[str, Any] = {
    "id": RESULT_ID,
    "role": "result",
    "job_id": RENDERING_ID,
    "source_id": CONTENT_ID,
    "media_type": "image/png",
    "width": 1280,
    "height": 853,
    "size_bytes": 1843206,
    "sha256": "6f1ed002ab5595859014ebf0951522d9f0f7e1a4b2c0f9f6b2a4b1a6f5f3d2c7",
    "created_at": "2026-11-24T09:14:19.455104Z",
    "provenance": {
        "app": "Fewstroke 0.1.0",
        "job_id": RENDERING_ID,
        "modality": "image",
        "base_hash": BASE,
        "styles": [
            {"id": STYLE_ID, "weight": 0.7, "k": 5, "steps": 24, "seed": 0},
            {"id": IMPORTED_ID, "weight": 0.3, "k": 5, "steps": 24, "seed": 0},
        ],
        "outside_style": None,
        "masked": False,
        "strength": 0.9,
        "abstraction": 0.5,
        "stroke_size": 1.0,
        "preserve_color": False,
        "size": 1280,
        "signed": True,
        "watermark": True,
        "nearest_example": {"agreement": 0.61, "copy": False},
    },
    "marks": None,
    "expires_at": "2026-12-24T09:14:19.455104Z",
    "url": f"/v1/images/{RESULT_ID}/content?expires=1795514700"
    "&signature=3f9a1c2b.kq0vYpQ4w2b8s7m1n6d5x3c9f0g1h2j3k4l5z6x7c8v",
    "url_expires_at": "2026-11-24T10:45:00Z",
}

DETECTION: dict[str, Any] = {
    "made_by_fewstroke": True,
    "watermark": {"maker": "this_service", "result_id": RESULT_ID, "scale": 1.0},
    "manifest": {"state": "valid", "signer": "A Gallery", "generator": "Fewstroke"},
    "record": {
        name: value
        for name, value in RESULT["provenance"].items()
        if name not in ("signed", "watermark", "nearest_example")
    },
    "digital_source_type": "http://cv.iptc.org/newscodes/digitalsourcetype/"
    "compositeWithTrainedAlgorithmicMedia",
}

_SCORE: dict[str, Any] = {
    "id": MIDI_ID,
    "form": "mid",
    "media_type": "audio/midi",
    "size_bytes": 2117,
    "url": f"/v1/files/{MIDI_ID}/content",
}
_COMPOSED = made([], 0, 4.218) | {"style_id": SONGS_ID, "files": [_SCORE]}
COMPOSE_QUEUED = job(COMPOSING_ID, "generate", "queued", at="09:25") | {
    "modality": "music",
    "style_id": SONGS_ID,
}
COMPOSE_DONE = job(COMPOSING_ID, "generate", "succeeded", at="09:25", result=_COMPOSED) | {
    "modality": "music",
    "style_id": SONGS_ID,
}


def composition(job: dict[str, Any], items: list[dict[str, Any]]) -> dict[str, Any]:
    """A composition, and its job."""
    asked = {"key": "Eb minor", "meter": "6/8", "bars": 16, "temperature": 0.95, "top_p": 0.95}
    unasked = ("mode", "tempo", "density", "valence", "arousal", "voice", "max_copied", "infill")
    return {
        "id": COMPOSITION_ID,
        "style_id": SONGS_ID,
        "styles": [{"id": SONGS_ID, "weight": 1.0}],
        "settings": {
            **asked,
            **dict.fromkeys(unasked),
            "ending": "cadence",
            "forms": ["mid"],
            "seed": 0,
            "count": 1,
        },
        "created_at": job["created_at"],
        "expires_at": "2026-12-24T09:25:02.514301Z",
        "job": job,
        "items": items,
    }


ORIGINALITY: dict[str, Any] = {
    "examples": {"longest": 5, "share": 0.0, "nearest": {"work": "A walk", "bars": [3, 4], "in": [7, 8]}},
    "training": {"longest": 4, "share": 0.0, "nearest": None},
    "human": {"longest_50": 4.0, "longest_95": 9.0, "share": 0.004},
}
PIECE: dict[str, Any] = {
    "position": 0,
    "about": {
        "title": "Song in Eb minor",
        "key": "Eb minor",
        "tempo": 72.0,
        "meter": "6/8",
        "bars": 16,
        "seconds": 40.0,
        "voice": True,
        "moved_by_mood": {},
        "seed": 0,
        "originality": ORIGINALITY,
    },
    "files": [_SCORE],
}
COMPOSITION_WAITS = composition(COMPOSE_QUEUED, [])
COMPOSITION = composition(COMPOSE_DONE, [PIECE])
MIDI = {
    **{name: value for name, value in _SCORE.items() if name != "url"},
    "role": "result",
    "job_id": COMPOSING_ID,
    "position": 0,
    "sha256": "0b2c4f6a8e1d3c5b7a9f0e2d4c6b8a1f3e5d7c9b0a2f4e6d8c1b3a5f7e9d0c2b",
    "created_at": "2026-11-24T09:25:19.455104Z",
    "expires_at": "2026-12-24T09:25:19.455104Z",
    "url": f"/v1/files/{MIDI_ID}/content?expires=1795514700"
    "&signature=3f9a1c2b.h2j3k4l5z6x7c8vkq0vYpQ4w2b8s7m1n6d5x3c9f0g1",
    "url_expires_at": "2026-11-24T10:45:00Z",
}

_VERSE: dict[str, Any] = {
    "id": VERSE_ID,
    "form": "txt",
    "media_type": "text/plain; charset=utf-8",
    "size_bytes": 91,
    "url": f"/v1/files/{VERSE_ID}/content",
}
_WRITTEN = made([], 0, 1.902) | {"style_id": POETRY_ID, "files": [_VERSE]}
WRITE_QUEUED = job(WRITING_ID, "generate", "queued", at="09:31") | {
    "modality": "poems",
    "style_id": POETRY_ID,
}
WRITE_DONE = job(WRITING_ID, "generate", "succeeded", at="09:31", result=_WRITTEN) | {
    "modality": "poems",
    "style_id": POETRY_ID,
}


def poem(job: dict[str, Any], items: list[dict[str, Any]]) -> dict[str, Any]:
    """A request for poems, and its job."""
    return {
        "id": POEM_ID,
        "style_id": POETRY_ID,
        "styles": [{"id": POETRY_ID, "weight": 1.0}],
        "settings": {
            "form": "jueju",
            "title": "秋夜",
            "script": None,
            "avoid": "",
            "temperature": 0.9,
            "top_p": 0.92,
            "max_copied": 4,
            "seed": 0,
            "count": 1,
        },
        "created_at": job["created_at"],
        "expires_at": "2026-12-24T09:31:02.514301Z",
        "job": job,
        "items": items,
    }


VERSES: dict[str, Any] = {
    "position": 0,
    "about": {
        "title": "秋夜",
        "form": "wujue",
        "text": "《秋夜》\n白日依山盡，黃河入海流。\n欲窮千里目，更上一層樓。",
        "seed": 0,
        "originality": {
            "examples": {"longest": 0, "share": 0.0, "own": 0, "place": None},
            "training": {"longest": 3, "share": 0.17, "own": 4, "place": 51177},
            "nearest": {"author": "王之渙", "passage": "白日依山盡黃河入海流"},
            "human": {"longest_50": 3.0, "longest_95": 5.0, "share": 0.12, "poems": 200.0},
        },
    },
    "files": [_VERSE],
}
POEM_WAITS = poem(WRITE_QUEUED, [])
POEM = poem(WRITE_DONE, [VERSES])

_TALE: dict[str, Any] = {
    "id": TALE_ID,
    "form": "txt",
    "media_type": "text/plain; charset=utf-8",
    "size_bytes": 214,
    "url": f"/v1/files/{TALE_ID}/content",
}
_TOLD = made([], 0, 11.274) | {"style_id": PROSE_ID, "files": [_TALE]}
_OF_PROSE = {"modality": "stories", "style_id": PROSE_ID}
TELL_QUEUED = job(TELLING_ID, "generate", "queued", at="09:36") | _OF_PROSE
TELL_DONE = job(TELLING_ID, "generate", "succeeded", at="09:36", result=_TOLD) | _OF_PROSE


def story(job: dict[str, Any], items: list[dict[str, Any]]) -> dict[str, Any]:
    """A request for stories, and its job."""
    return {
        "id": STORY_ID,
        "style_id": PROSE_ID,
        "styles": [{"id": PROSE_ID, "weight": 1.0}],
        "settings": {
            "title": "The Lamp on the Hill",
            "opening": "",
            "length": 30,
            "person": "first",
            "tense": "past",
            "mood": "quiet",
            "avoid": "suddenly",
            "temperature": 0.8,
            "top_p": 0.92,
            "max_copied": 8,
            "seed": 0,
            "count": 1,
        },
        "created_at": job["created_at"],
        "expires_at": "2026-12-24T09:36:02.514301Z",
        "job": job,
        "items": items,
    }


TALE: dict[str, Any] = {
    "position": 0,
    "about": {
        "title": "The Lamp on the Hill",
        "opening": "",
        "text": "The Lamp on the Hill\n\nEvery evening my sister carried the lamp up the hill. Nobody had "
        "asked her to. When she was old, I carried it for her, and a stranger waved from the road.",
        "words": 32,
        "ended": True,
        "seed": 0,
        "originality": {
            "examples": {"longest": 4, "share": 0.03, "own": 9, "place": 2051},
            "training": {"longest": 0, "share": 0.0},
            "nearest": "they went slowly up the hill nobody had asked them to come",
        },
    },
    "files": [_TALE],
}
STORY_WAITS = story(TELL_QUEUED, [])
STORY = story(TELL_DONE, [TALE])

WEBHOOK: dict[str, Any] = {
    "id": WEBHOOK_ID,
    "url": "https://example.com/fewstroke",
    "events": ["job.succeeded", "job.failed"],
    "description": "The gallery's server",
    "enabled": True,
    "disabled_reason": None,
    "failures": 0,
    "created_at": "2026-11-24T09:08:55.007210Z",
}
MESSAGE: dict[str, Any] = {
    "id": MESSAGE_ID,
    "event": "job.succeeded",
    "job_id": LEARNING_ID,
    "state": "delivered",
    "attempts": [
        {"at": "2026-11-24T09:12:19.903412Z", "status": 503, "error": None, "milliseconds": 41},
        {"at": "2026-11-24T09:12:25.318840Z", "status": 204, "error": None, "milliseconds": 38},
    ],
    "next_attempt_at": None,
    "created_at": "2026-11-24T09:12:19.460217Z",
    "finished_at": "2026-11-24T09:12:25.357019Z",
    "body": json.dumps(
        {"type": "job.succeeded", "timestamp": "2026-11-24T09:12:19.460217Z", "data": LEARNED},
        separators=(",", ":"),
    ),
}
AGAIN = MESSAGE | {
    "state": "pending",
    "next_attempt_at": "2026-11-24T09:30:07.660152Z",
    "finished_at": None,
}

EVENTS = """\
id: 41
event: state
data: {"state": "running"}

id: 42
event: preview
data: {"step": 0, "media_type": "image/jpeg", "base64": "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBD"}

id: 45
event: progress
data: {"step": 0, "steps": 24, "losses": {"total": 1.0}, "phase": "adapt"}

id: 91
event: state
data: {"state": "succeeded"}

"""

SHARE = {
    "image_id": RESULT_ID,
    "token": "u3Yq0nJm5vQ2r8Xw1LbTz7Kc",
    "url": "/#/shared/u3Yq0nJm5vQ2r8Xw1LbTz7Kc",
}
SHARED = {
    "styles": ["Waves"],
    "preset_id": None,
    "width": RESULT["width"],
    "height": RESULT["height"],
    "created_at": RESULT["created_at"],
    "expires_at": RESULT["expires_at"],
    "image_url": RESULT["url"],
    "original_url": None,
}

PARAMETERS = {
    "style_id": STYLE_ID,
    "job_id": LEARNING_ID,
    "image_id": RESULT_ID,
    "token": SHARE["token"],
    "stylization_id": STYLIZATION_ID,
    "batch_id": BATCH_ID,
    "composition_id": COMPOSITION_ID,
    "poem_id": POEM_ID,
    "story_id": STORY_ID,
    "file_id": MIDI_ID,
    "webhook_id": WEBHOOK_ID,
    "delivery_id": MESSAGE_ID,
    "last-event-id": "42",
}
"""Values of parameters in paths and headers."""
