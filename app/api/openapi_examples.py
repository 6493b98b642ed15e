"""OpenAPI examples of every call, made of `app.api.openapi_example_data` and put into the description."""

from typing import Any

from app.api.openapi_example_data import (
    AGAIN,
    BASE,
    BATCH,
    BATCH_DONE,
    BATCH_QUEUED,
    BATCH_WAITS,
    BOTH_DONE,
    BOTH_ID,
    BOTH_QUEUED,
    CANCELED,
    COMPOSE_DONE,
    COMPOSE_QUEUED,
    COMPOSITION,
    COMPOSITION_WAITS,
    DETECTION,
    EVENTS,
    IMPORTED,
    IMPORTED_ID,
    LEARNED,
    LEARNING_ID,
    MESSAGE,
    MIDI,
    OLD_BASE,
    ONE_STYLE,
    PARAMETERS,
    PENDING_STYLE,
    PHOTO_DONE,
    PHOTO_WAITS,
    POEM,
    POEM_WAITS,
    POETRY_ID,
    PROSE_ID,
    QUEUED,
    RELEARNED,
    RELEARNING,
    RENDER_QUEUED,
    RENDERED,
    RESULT,
    RETRY_ID,
    RUNNING,
    SHARE,
    SHARED,
    SONGS_ID,
    STORY,
    STORY_WAITS,
    STYLE,
    STYLE_ID,
    STYLIZATION,
    STYLIZATION_WAITS,
    TELL_DONE,
    TELL_QUEUED,
    WEBHOOK,
    WRITE_DONE,
    WRITE_QUEUED,
    job,
    made,
    stylization,
)
from app.api.openapi_example_problems import example_problem
from app.http.exception_handlers import MEDIA_TYPE
from model.image.dials import DEFAULT_ABSTRACTION, LEAST_STROKE_SIZE, MOST_STRENGTH, MOST_STROKE_SIZE


def _page(*items: dict[str, Any], after: str | None = None) -> dict[str, Any]:
    return {"items": list(items), "next": after}


REQUESTS: dict[str, dict[str, Any]] = {
    "createStyle": {
        "examples": ["wave.jpg", "bridge.jpg", "rain.jpg", "pines.jpg", "snow.jpg"],
        "name": "Waves",
        "description": "Five woodblock prints",
        "steps": 24,
    },
    "importStyle": {"file": "waves.safetensors", "name": "Waves"},
    "plainImage": {"file": "IMG_0001.HEIC"},
    "detect": {"file": "found.jpg"},
    "updateStyle": {"name": "Waves of Kanagawa", "description": None},
    "createStylization": {
        "contents": ["harbour.jpg", "notes.txt"],
        "style_id": [STYLE_ID, IMPORTED_ID],
        "weight": [0.7, 0.3],
        "strength": 0.9,
        "abstraction": 0.5,
        "size": 1280,
    },
    "createBatch": {
        "photos": "photos.zip",
        "renderings": "renderings.jsonl",
        "style_id": [STYLE_ID],
        "strength": 0.9,
        "abstraction": 0.5,
        "size": 1280,
    },
    "stylize": {
        "examples": ["wave.jpg", "bridge.jpg", "rain.jpg", "pines.jpg", "snow.jpg"],
        "content": "harbour.jpg",
        "strength": 0.9,
        "abstraction": 0.5,
        "size": 1280,
    },
    "editImage": {
        "image[]": ["harbour.jpg", "wave.jpg", "bridge.jpg", "rain.jpg", "pines.jpg", "snow.jpg"],
        "prompt": "Waves",
        "size": "1536x1024",
        "output_format": "jpeg",
        "output_compression": 90,
    },
    "createComposition": {
        "style_id": [SONGS_ID],
        "bars": 16,
        "key": "Eb minor",
        "meter": "6/8",
        "forms": ["mid"],
    },
    "createPoem": {"style_id": [POETRY_ID], "form": "jueju", "title": "秋夜"},
    "createStory": {
        "style_id": [PROSE_ID],
        "title": "The Lamp on the Hill",
        "length": 30,
        "person": "first",
        "mood": "quiet",
        "avoid": "suddenly",
    },
    "postWebhook": {
        "url": "https://example.com/fewstroke",
        "events": ["job.succeeded", "job.failed"],
        "description": "The gallery's server",
    },
    "patchWebhook": {"enabled": True},
}
"""The bodies of requests, by the call's name; files by their names."""

_BOTH_WAITING = {
    "style": PENDING_STYLE | {"job_id": BOTH_ID, "name": None, "description": None},
    "stylization": stylization(BOTH_QUEUED, [PHOTO_WAITS]) | ONE_STYLE,
    "job": BOTH_QUEUED,
}
_BOTH_MADE = {
    "style": STYLE | {"job_id": BOTH_ID, "name": None, "description": None},
    "stylization": stylization(BOTH_DONE, [PHOTO_DONE]) | ONE_STYLE,
    "job": BOTH_DONE,
}

_WAVES = {
    "id": STYLE_ID,
    "object": "model",
    "created": 1767258000,
    "owned_by": "ada",
    "name": "Waves",
    "modality": "image",
}

ANSWERS: dict[tuple[str, int], Any] = {
    ("createStyle", 200): {"style": STYLE, "job": LEARNED},
    ("createStyle", 202): {"style": PENDING_STYLE, "job": QUEUED},
    ("postSecret", 200): WEBHOOK | {"secret": "whsec_d2hhdCBhIHNlY3JldCBvZiAzMiBieXRlcyBpcw=="},
    ("listStyles", 200): _page(IMPORTED, STYLE, after=STYLE_ID),
    ("importStyle", 201): IMPORTED,
    ("getStyle", 200): STYLE,
    ("updateStyle", 200): STYLE | {"name": "Waves of Kanagawa", "description": None},
    ("relearnStyle", 200): {"style": STYLE | {"job_id": RETRY_ID}, "job": RELEARNED},
    ("relearnStyle", 202): {"style": RELEARNING, "job": job(RETRY_ID, "adapt", "queued", at="09:21")},
    ("createStylization", 200): {"stylization": STYLIZATION, "job": RENDERED},
    ("createStylization", 202): {"stylization": STYLIZATION_WAITS, "job": RENDER_QUEUED},
    ("listStylizations", 200): _page(STYLIZATION),
    ("getStylization", 200): STYLIZATION,
    ("stylize", 200): _BOTH_MADE,
    ("stylize", 202): _BOTH_WAITING,
    ("editImage", 200): {
        "created": 1767258000,
        "data": [{"b64_json": "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwM="}],
        "output_format": "jpeg",
        "quality": "auto",
        "size": "1280x853",
        "usage": {
            "input_tokens": 0,
            "output_tokens": 0,
            "total_tokens": 0,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
        },
    },
    ("getModel", 200): _WAVES,
    ("createBatch", 200): {"batch": BATCH, "job": BATCH_DONE},
    ("createBatch", 202): {"batch": BATCH_WAITS, "job": BATCH_QUEUED},
    ("listBatches", 200): _page(BATCH),
    ("getBatch", 200): BATCH,
    ("createComposition", 200): {"composition": COMPOSITION, "job": COMPOSE_DONE},
    ("createComposition", 202): {"composition": COMPOSITION_WAITS, "job": COMPOSE_QUEUED},
    ("listCompositions", 200): _page(COMPOSITION),
    ("getComposition", 200): COMPOSITION,
    ("createPoem", 200): {"poem": POEM, "job": WRITE_DONE},
    ("createPoem", 202): {"poem": POEM_WAITS, "job": WRITE_QUEUED},
    ("listPoems", 200): _page(POEM),
    ("getPoem", 200): POEM,
    ("createStory", 200): {"story": STORY, "job": TELL_DONE},
    ("createStory", 202): {"story": STORY_WAITS, "job": TELL_QUEUED},
    ("listStories", 200): _page(STORY),
    ("getStory", 200): STORY,
    ("listFiles", 200): _page(MIDI),
    ("getFile", 200): MIDI,
    ("listJobs", 200): _page(RENDERED, LEARNED),
    ("getJob", 200): LEARNED,
    ("cancelJob", 200): CANCELED,
    ("cancelJob", 202): RUNNING | {"state": "canceling"},
    ("retryJob", 200): job(
        RETRY_ID, "adapt", "succeeded", at="09:21", retry_of=LEARNING_ID, result=made([], 24, 16.872)
    ),
    ("retryJob", 202): job(RETRY_ID, "adapt", "queued", at="09:21", retry_of=LEARNING_ID),
    ("streamJobEvents", 200): EVENTS,
    ("detect", 200): DETECTION,
    ("listImages", 200): _page(RESULT),
    ("getImage", 200): RESULT,
    ("shareImage", 200): SHARE,
    ("getShared", 200): SHARED,
    ("postWebhook", 201): WEBHOOK | {"secret": "whsec_d2hhdCBhIHNlY3JldCBvZiAzMiBieXRlcyBpcw=="},
    ("readWebhooks", 200): _page(WEBHOOK),
    ("readWebhook", 200): WEBHOOK,
    ("patchWebhook", 200): WEBHOOK,
    ("readDeliveries", 200): _page(MESSAGE),
    ("postRedelivery", 202): AGAIN,
    ("live", 200): {"status": "ok"},
    ("ready", 200): {"status": "ready", "missing": {}, "workers": 1},
    ("ready", 503): {
        "status": "not_ready",
        "missing": {"worker": "none"},
        "details": {
            "worker": "no worker has sent a heartbeat in the last 15 seconds: start `fewstroke worker`"
        },
        "workers": 0,
    },
    ("getUsage", 200): {
        "stored_bytes": 41_254_912,
        "stored_bytes_limit": 5_368_709_120,
        "unfinished_jobs": 2,
        "unfinished_jobs_limit": 128,
    },
    ("listModels", 200): {
        "object": "list",
        "data": [_WAVES],
        "items": [
            {
                "base_hash": BASE,
                "default_steps": 24,
                "max_steps": 100,
                "max_examples": 16,
                "max_strength": MOST_STRENGTH,
                "default_abstraction": DEFAULT_ABSTRACTION,
                "min_stroke_size": LEAST_STROKE_SIZE,
                "max_stroke_size": MOST_STROKE_SIZE,
                "max_size": 8192,
                "max_clip_frames": 150,
                "max_clip_seconds": 15.0,
                "max_archive_bytes": 2**30,
                "max_archive_photos": 5000,
                "input_formats": ["jpeg", "png", "webp", "gif", "avif", "heic"],
            }
        ],
        "modalities": [
            {
                "name": "image",
                "examples": "JPEG, PNG, WebP or GIF",
                "base_hash": BASE,
                "resource": "/v1/stylizations",
            },
            {
                "name": "music",
                "examples": "MIDI, MusicXML or MXL",
                "base_hash": OLD_BASE,
                "resource": "/v1/compositions",
            },
        ],
    },
    ("readMetrics", 200): "# HELP fewstroke_jobs Unfinished jobs.\n"
    "# TYPE fewstroke_jobs gauge\n"
    'fewstroke_jobs{kind="adapt",state="queued"} 3.0\n',
}
"""Answers that are text, by the call's name and the status."""


def add_examples(schema: dict[str, Any]) -> None:
    """Put them into an OpenAPI description: parameters, bodies of requests, answers, problems."""
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            name = operation["operationId"]
            for parameter in operation.get("parameters", ()):
                if parameter["name"] in PARAMETERS and "example" not in parameter:
                    parameter["example"] = PARAMETERS[parameter["name"]]
            for media in operation.get("requestBody", {}).get("content", {}).values():
                if name in REQUESTS:
                    media["example"] = REQUESTS[name]
            for status, response in operation["responses"].items():
                for kind, media in response.get("content", {}).items():
                    if kind == MEDIA_TYPE:
                        media["example"] = example_problem(name, path, int(status))
                    elif not kind.startswith("image/") and (name, int(status)) in ANSWERS:
                        answer = ANSWERS[name, int(status)]
                        if isinstance(answer, str) == kind.startswith("text/"):  # a call may have both
                            media["example"] = answer
