"""OpenAPI examples of errors: what each call answers with each of its error statuses."""

from typing import Any

from app.api.openapi_example_data import (
    BATCH_ID,
    BOTH_ID,
    COMPOSING_ID,
    COMPOSITION_ID,
    DRAWING_ID,
    LEARNING_ID,
    MIDI_ID,
    PARAMETERS,
    POEM_ID,
    RENDERING_ID,
    REQUEST_ID,
    RESULT_ID,
    STORY_ID,
    STYLE_ID,
    STYLIZATION_ID,
    TELLING_ID,
    WEBHOOK_ID,
    WRITING_ID,
)
from app.errors import ErrorCode

_PROBLEMS: dict[int, tuple[ErrorCode, str, str]] = {
    400: (
        ErrorCode.MULTIPART_INVALID,
        "The form cannot be read",
        "The form cannot be read (Missing boundary in multipart): send multipart/form-data as a browser or "
        "curl -F does.",
    ),
    401: (
        ErrorCode.UNAUTHENTICATED,
        "Key needed",
        "There is no such key: check it, or make one with `fewstroke keys create`.",
    ),
    403: (
        ErrorCode.SCOPE_MISSING,
        "Scope missing",
        "The key lacks the scope `write`: use one that was made with `--scopes write`.",
    ),
    406: (
        ErrorCode.NOT_ACCEPTABLE,
        "No acceptable representation",
        "This answer can be application/json or image/png: put one of them into Accept.",
    ),
    413: (
        ErrorCode.FILE_TOO_LARGE,
        "File too large",
        "File 2 of `contents` is larger than 32 MiB: send a smaller one.",
    ),
    415: (
        ErrorCode.UNSUPPORTED_MEDIA_TYPE,
        "Unsupported media type",
        "Send the body as multipart/form-data: with curl, use -F for every field.",
    ),
    416: (ErrorCode.RANGE_NOT_SATISFIABLE, "Range not satisfiable", "The image has 1843206 bytes."),
    422: (
        ErrorCode.VALIDATION_FAILED,
        "The request has invalid values",
        "Correct these values and send the request again: steps: Input should be less than or equal to 100.",
    ),
    429: (
        ErrorCode.RATE_LIMITED,
        "Too many requests",
        "The key may send 600 requests a minute: send the next one in 4 s.",
    ),
    501: (
        ErrorCode.EXPORT_UNAVAILABLE,
        "Export not installed",
        "This service cannot export styles, because the package onnx is not installed on it: whoever runs it "
        "can install it with `pip install 'fewstroke[export]'`.",
    ),
    503: (
        ErrorCode.SERVICE_UNAVAILABLE,
        "Service unavailable",
        "The service is not ready: try again in a few seconds.",
    ),
    507: (
        ErrorCode.STORAGE_EXCEEDED,
        "Storage used up",
        "Your pictures and styles take 5121 MiB of 5120 MiB: delete some (GET /v1/images lists pictures, GET "
        "/v1/styles styles), or wait until they expire.",
    ),
    504: (
        ErrorCode.WAIT_TIMEOUT,
        "Not done in time",
        f"The picture is not done yet: job {BOTH_ID} goes on; read /v1/jobs/{BOTH_ID}, or send the request "
        "again with the same Idempotency-Key to go on waiting.",
    ),
}

_MISSING = {
    "style": (ErrorCode.STYLE_NOT_FOUND, "Style not found", STYLE_ID, "list them with GET /v1/styles"),
    "job": (ErrorCode.JOB_NOT_FOUND, "Job not found", LEARNING_ID, "list jobs with GET /v1/jobs"),
    "image": (ErrorCode.IMAGE_NOT_FOUND, "Image not found", RESULT_ID, "list them with GET /v1/images"),
    "stylization": (
        ErrorCode.STYLIZATION_NOT_FOUND,
        "Stylization not found",
        STYLIZATION_ID,
        "list them with GET /v1/stylizations",
    ),
    "batch": (ErrorCode.BATCH_NOT_FOUND, "Batch not found", BATCH_ID, "list them with GET /v1/batches"),
    "composition": (
        ErrorCode.GENERATION_NOT_FOUND,
        "Result not found",
        COMPOSITION_ID,
        "list them with GET /v1/compositions",
    ),
    "poem": (
        ErrorCode.GENERATION_NOT_FOUND,
        "Result not found",
        POEM_ID,
        "list them with GET /v1/poems",
    ),
    "story": (
        ErrorCode.GENERATION_NOT_FOUND,
        "Result not found",
        STORY_ID,
        "list them with GET /v1/stories",
    ),
    "file": (ErrorCode.FILE_NOT_FOUND, "File not found", MIDI_ID, "list them with GET /v1/files"),
    "webhook": (
        ErrorCode.WEBHOOK_NOT_FOUND,
        "Webhook not found",
        WEBHOOK_ID,
        "list them with GET /v1/webhooks",
    ),
}

_IN_USE = (
    ErrorCode.RESOURCE_IN_USE,
    "In use",
    f"A job that waits or runs needs image {RESULT_ID}: cancel it or wait for it, then delete.",
)
_IN_FLIGHT = (
    ErrorCode.IDEMPOTENCY_KEY_IN_USE,
    "Request in flight",
    "The first request with the Idempotency-Key '7f3c9a52-5a0f-4d7e-9c1b-3f1f0c9f2a11' is in flight: send it "
    "again in a moment.",
)
_CONFLICTS: dict[str, tuple[ErrorCode, str, str]] = {
    "deleteStyle": _IN_USE,
    "deleteStylization": _IN_USE,
    "deleteImage": _IN_USE,
    "deleteBatch": _IN_USE,
    "downloadBatch": (
        ErrorCode.BATCH_NOT_READY,
        "Batch not ready",
        f"Batch {BATCH_ID} is not done, its job {DRAWING_ID} is running: wait for it, or cancel it for what "
        "is done so far.",
    ),
    "deleteComposition": _IN_USE,
    "deletePoem": _IN_USE,
    "deleteStory": _IN_USE,
    "deleteFile": _IN_USE,
    "createPoem": (
        ErrorCode.STYLE_OF_OTHER_MODALITY,
        "Style of another kind",
        f"Style {STYLE_ID} was learned from image examples, and one of poems is needed here: choose another "
        "one, or learn one with POST /v1/styles.",
    ),
    "downloadPoem": (
        ErrorCode.GENERATION_NOT_READY,
        "Result not ready",
        f"Poem {POEM_ID} has no files, its job {WRITING_ID} is running: wait for it to succeed, or retry it.",
    ),
    "createStory": (
        ErrorCode.STYLE_OF_OTHER_MODALITY,
        "Style of another kind",
        f"Style {STYLE_ID} was learned from image examples, and one of stories is needed here: choose "
        "another one, or learn one with POST /v1/styles.",
    ),
    "downloadStory": (
        ErrorCode.GENERATION_NOT_READY,
        "Result not ready",
        f"Story {STORY_ID} has no files, its job {TELLING_ID} is running: wait for it to succeed, or "
        "retry it.",
    ),
    "createComposition": (
        ErrorCode.STYLE_OF_OTHER_MODALITY,
        "Style of another kind",
        f"Style {STYLE_ID} was learned from image examples, and one of music is needed here: choose another "
        "one, or learn one with POST /v1/styles.",
    ),
    "downloadComposition": (
        ErrorCode.GENERATION_NOT_READY,
        "Result not ready",
        f"Composition {COMPOSITION_ID} has no files, its job {COMPOSING_ID} is running: wait for it to "
        "succeed, or retry it.",
    ),
    "downloadStyle": (
        ErrorCode.STYLE_NOT_READY,
        "Style not ready",
        f"Style {STYLE_ID} is pending: wait for job {LEARNING_ID}.",
    ),
    "exportStyle": (
        ErrorCode.STYLE_BASE_MISMATCH,
        "Style of another base",
        f"Style {STYLE_ID} was learned with another base checkpoint than the service has now: "
        f"POST /v1/styles/{STYLE_ID}/relearn learns it again from its examples.",
    ),
    "relearnStyle": (
        ErrorCode.STYLE_NOT_RELEARNABLE,
        "Style cannot be learned again",
        f"Style {STYLE_ID} is ready: only a style that is outdated is learned again.",
    ),
    "downloadStylization": (
        ErrorCode.STYLIZATION_NOT_READY,
        "Stylization not ready",
        f"Stylization {STYLIZATION_ID} has no pictures, its job {RENDERING_ID} is running: wait for it to "
        "succeed, or retry it.",
    ),
    "cancelJob": (
        ErrorCode.JOB_NOT_CANCELABLE,
        "Job already finished",
        f"Job {LEARNING_ID} is already succeeded: there is nothing to cancel; read its result instead.",
    ),
    "retryJob": (
        ErrorCode.JOB_NOT_RETRYABLE,
        "Job cannot be retried",
        f"Job {LEARNING_ID} is succeeded: only a failed, canceled or expired job can be retried.",
    ),
    "postWebhook": (
        ErrorCode.TOO_MANY_WEBHOOKS,
        "Too many webhooks",
        "You have 10 webhooks, as many as one owner may have: delete one first.",
    ),
}


_JSON = ("updateStyle", "postWebhook", "patchWebhook")
_JSON_TOO_LARGE = (
    ErrorCode.PAYLOAD_TOO_LARGE,
    "Request too large",
    "The request is larger than 64 KiB: leave out what it does not need.",
)


_NO_JSON = (
    ErrorCode.UNSUPPORTED_MEDIA_TYPE,
    "Unsupported media type",
    "Send the body as JSON: with curl, add -H 'Content-Type: application/json'.",
)


def example_problem(name: str, path: str, status: int) -> dict[str, Any]:
    """An example of the problem that a call answers with this status."""
    if status == 404:
        kind = next((kind for kind in reversed(_MISSING) if f"{{{kind}_id}}" in path), "style")
        code, title, missing, advice = _MISSING[kind]
        detail = f"There is no {kind} {missing}: check the id, or {advice}."
    elif status == 409:
        code, title, detail = _CONFLICTS.get(name, _IN_FLIGHT)
    elif status == 413 and name in _JSON:
        code, title, detail = _JSON_TOO_LARGE
    elif status == 415 and name in _JSON:
        code, title, detail = _NO_JSON
    else:
        code, title, detail = _PROBLEMS[status]
    address = path
    for parameter, value in PARAMETERS.items():
        address = address.replace(f"{{{parameter}}}", value)
    problem = {
        "type": f"urn:fewstroke:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": str(code),
        "instance": address,
        "request_id": REQUEST_ID,
    }
    if code is ErrorCode.VALIDATION_FAILED:
        problem["errors"] = [{"field": "steps", "detail": "Input should be less than or equal to 100"}]
    return problem
