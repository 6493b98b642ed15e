"""The errors that the service raises on purpose: one tree of classes, one closed list of codes.

An :class:`AppError` carries its HTTP status and its code, so the HTTP layer needs no table and the
worker and the command line can use the same classes. ``detail`` says what was wrong and what to do
next, in a sentence.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar


class ErrorCode(StrEnum):
    """The closed list of ``code`` in problem documents and in the ``error`` of a failed job."""

    # The request as a whole.
    BAD_REQUEST = "bad_request"
    VALIDATION_FAILED = "validation_failed"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    NOT_ACCEPTABLE = "not_acceptable"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    MULTIPART_INVALID = "multipart_invalid"
    UNAUTHENTICATED = "unauthenticated"
    SCOPE_MISSING = "scope_missing"
    LINK_INVALID = "link_invalid"
    REQUEST_TIMEOUT = "request_timeout"
    HEADERS_TOO_LARGE = "headers_too_large"
    RATE_LIMITED = "rate_limited"
    RANGE_NOT_SATISFIABLE = "range_not_satisfiable"
    # Files in it.
    FILE_TOO_LARGE = "file_too_large"
    FILES_MISSING = "files_missing"
    TOO_MANY_FILES = "too_many_files"
    IMAGE_FORMAT_UNSUPPORTED = "image_format_unsupported"
    IMAGE_ANIMATED = "image_animated"
    IMAGE_CORRUPT = "image_corrupt"
    IMAGE_TOO_SMALL = "image_too_small"
    IMAGE_TOO_LARGE = "image_too_large"
    CLIP_TOO_LONG = "clip_too_long"
    EXAMPLE_RESERVED = "example_reserved"
    WORK_FORMAT_UNSUPPORTED = "work_format_unsupported"
    WORK_DAMAGED = "work_damaged"
    WORK_TOO_LARGE = "work_too_large"
    WORK_EMPTY = "work_empty"
    EXAMPLES_MIXED = "examples_mixed"
    INPUT_URLS_OFF = "input_urls_off"
    INPUT_URL_REFUSED = "input_url_refused"
    INPUT_URL_UNREACHABLE = "input_url_unreachable"
    INPUT_URL_TIMEOUT = "input_url_timeout"
    ARCHIVE_INVALID = "archive_invalid"
    STYLE_FILE_INVALID = "style_file_invalid"
    # Resources and their states.
    STYLE_NOT_FOUND = "style_not_found"
    JOB_NOT_FOUND = "job_not_found"
    IMAGE_NOT_FOUND = "image_not_found"
    FILE_NOT_FOUND = "file_not_found"
    GENERATION_NOT_FOUND = "generation_not_found"
    STYLIZATION_NOT_FOUND = "stylization_not_found"
    BATCH_NOT_FOUND = "batch_not_found"
    KEY_NOT_FOUND = "key_not_found"
    WEBHOOK_NOT_FOUND = "webhook_not_found"
    DELIVERY_NOT_FOUND = "delivery_not_found"
    WEBHOOK_URL_REFUSED = "webhook_url_refused"
    TOO_MANY_WEBHOOKS = "too_many_webhooks"
    STYLE_NOT_READY = "style_not_ready"
    STYLE_BASE_MISMATCH = "style_base_mismatch"
    STYLE_NOT_RELEARNABLE = "style_not_relearnable"
    STYLE_OF_OTHER_MODALITY = "style_of_other_modality"
    JOB_NOT_CANCELABLE = "job_not_cancelable"
    STYLIZATION_NOT_READY = "stylization_not_ready"
    GENERATION_NOT_READY = "generation_not_ready"
    BATCH_NOT_READY = "batch_not_ready"
    JOB_NOT_RETRYABLE = "job_not_retryable"
    RESOURCE_IN_USE = "resource_in_use"
    WAIT_TIMEOUT = "wait_timeout"
    # The header Idempotency-Key.
    IDEMPOTENCY_KEY_INVALID = "idempotency_key_invalid"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    IDEMPOTENCY_KEY_IN_USE = "idempotency_key_in_use"
    QUEUE_FULL = "queue_full"
    QUOTA_EXCEEDED = "quota_exceeded"
    STORAGE_EXCEEDED = "storage_exceeded"
    # The service.
    SERVICE_UNAVAILABLE = "service_unavailable"
    EXPORT_UNAVAILABLE = "export_unavailable"
    INTERNAL_ERROR = "internal_error"
    # How a job ended; also in the `error` of the job itself.
    JOB_FAILED = "job_failed"
    POISON_JOB = "poison_job"
    JOB_EXPIRED = "job_expired"
    JOB_CANCELED = "job_canceled"
    INPUT_MISSING = "input_missing"
    OUT_OF_MEMORY = "out_of_memory"


class AppError(Exception):
    """Base of the tree; ``str(error)`` is the detail sentence."""

    status: ClassVar[int] = 500
    code: ClassVar[ErrorCode] = ErrorCode.INTERNAL_ERROR
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str, *, headers: Mapping[str, str] | None = None, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = extra  # more members of the problem document, e.g. field="examples"


class BadRequestError(AppError):
    status, code, title = 400, ErrorCode.BAD_REQUEST, "Bad request"


class ValidationError(AppError):
    status, code, title = 422, ErrorCode.VALIDATION_FAILED, "The request has invalid values"


class NotAcceptableError(AppError):
    status, code, title = 406, ErrorCode.NOT_ACCEPTABLE, "No acceptable representation"


class UnsupportedMediaTypeError(AppError):
    status, code, title = 415, ErrorCode.UNSUPPORTED_MEDIA_TYPE, "Unsupported media type"


class PayloadTooLargeError(AppError):
    status, code, title = 413, ErrorCode.PAYLOAD_TOO_LARGE, "Request too large"


class MultipartInvalidError(AppError):
    status, code, title = 400, ErrorCode.MULTIPART_INVALID, "The form cannot be read"


class UnauthenticatedError(AppError):
    """No key, or one that does not count (any more)."""

    status, code, title = 401, ErrorCode.UNAUTHENTICATED, "Key needed"


class ScopeMissingError(AppError):
    status, code, title = 403, ErrorCode.SCOPE_MISSING, "Scope missing"


class LinkInvalidError(AppError):
    """A signed link that was changed, or has expired."""

    status, code, title = 403, ErrorCode.LINK_INVALID, "Link not valid"


class RateLimitedError(AppError):
    status, code, title = 429, ErrorCode.RATE_LIMITED, "Too many requests"


class RangeNotSatisfiableError(AppError):
    status, code, title = 416, ErrorCode.RANGE_NOT_SATISFIABLE, "Range not satisfiable"


class FileTooLargeError(AppError):
    status, code, title = 413, ErrorCode.FILE_TOO_LARGE, "File too large"


class FilesMissingError(AppError):
    status, code, title = 422, ErrorCode.FILES_MISSING, "Files missing"


class TooManyFilesError(AppError):
    status, code, title = 422, ErrorCode.TOO_MANY_FILES, "Too many files"


class ImageError(AppError):
    """An uploaded image is refused."""

    status, code, title = 422, ErrorCode.IMAGE_CORRUPT, "Image refused"


class ImageFormatUnsupportedError(ImageError):
    status, code, title = 415, ErrorCode.IMAGE_FORMAT_UNSUPPORTED, "Unsupported image format"


class ImageAnimatedError(ImageError):
    status, code, title = 422, ErrorCode.IMAGE_ANIMATED, "Animated image"


class ImageCorruptError(ImageError):
    status, code, title = 422, ErrorCode.IMAGE_CORRUPT, "Damaged image"


class ImageTooSmallError(ImageError):
    status, code, title = 422, ErrorCode.IMAGE_TOO_SMALL, "Image too small"


class ImageTooLargeError(ImageError):
    status, code, title = 422, ErrorCode.IMAGE_TOO_LARGE, "Image too large"


class MaskBlankError(ImageError):
    """A mask with nothing inside: it shows black alone, or it is opaque where transparent is inside."""

    status, code, title = 422, ErrorCode.VALIDATION_FAILED, "The request has invalid values"


class ExampleReservedError(ImageError):
    """Its metadata forbid to train on it, or to derive works from it."""

    status, code, title = 422, ErrorCode.EXAMPLE_RESERVED, "Example reserved"


class ClipTooLongError(ImageError):
    status, code, title = 422, ErrorCode.CLIP_TOO_LONG, "Clip too long"


class WorkError(AppError):
    """An uploaded file that is no picture is refused: a score, a text. Base of the reasons."""

    status, title = 422, "File refused"


class WorkFormatUnsupportedError(WorkError):
    status, code, title = 415, ErrorCode.WORK_FORMAT_UNSUPPORTED, "Unsupported file format"


class WorkDamagedError(WorkError):
    status, code, title = 422, ErrorCode.WORK_DAMAGED, "Damaged file"


class WorkTooLargeError(WorkError):
    status, code, title = 422, ErrorCode.WORK_TOO_LARGE, "File holds too much"


class WorkEmptyError(WorkError):
    """Nothing in it that can be learned from."""

    status, code, title = 422, ErrorCode.WORK_EMPTY, "Nothing to learn from"


class ExamplesMixedError(AppError):
    """Pictures and music, say: a style is learned from one of them."""

    status, code, title = 422, ErrorCode.EXAMPLES_MIXED, "Examples of different kinds"


class InputUrlError(AppError):
    """An input could not be had by its address. Base of the reasons."""

    status, title = 422, "Address refused"


class InputUrlsOffError(InputUrlError):
    code, title = ErrorCode.INPUT_URLS_OFF, "Addresses not allowed"


class InputUrlRefusedError(InputUrlError):
    code = ErrorCode.INPUT_URL_REFUSED


class InputUrlUnreachableError(InputUrlError):
    code, title = ErrorCode.INPUT_URL_UNREACHABLE, "Address not reached"


class InputUrlTimeoutError(InputUrlError):
    code, title = ErrorCode.INPUT_URL_TIMEOUT, "Address too slow"


class ArchiveInvalidError(AppError):
    """A ZIP of photos that cannot be read, or has none."""

    status, code, title = 422, ErrorCode.ARCHIVE_INVALID, "Archive refused"


class StyleFileInvalidError(AppError):
    status, code, title = 422, ErrorCode.STYLE_FILE_INVALID, "Not a style file"


class NotFoundError(AppError):
    status, code, title = 404, ErrorCode.NOT_FOUND, "Not found"


class StyleNotFoundError(NotFoundError):
    code, title = ErrorCode.STYLE_NOT_FOUND, "Style not found"


class JobNotFoundError(NotFoundError):
    code, title = ErrorCode.JOB_NOT_FOUND, "Job not found"


class ImageNotFoundError(NotFoundError):
    code, title = ErrorCode.IMAGE_NOT_FOUND, "Image not found"


class StoredFileNotFoundError(NotFoundError):
    code, title = ErrorCode.FILE_NOT_FOUND, "File not found"


class GenerationNotFoundError(NotFoundError):
    code, title = ErrorCode.GENERATION_NOT_FOUND, "Result not found"


class StylizationNotFoundError(NotFoundError):
    code, title = ErrorCode.STYLIZATION_NOT_FOUND, "Stylization not found"


class BatchNotFoundError(NotFoundError):
    code, title = ErrorCode.BATCH_NOT_FOUND, "Batch not found"


class KeyNotFoundError(NotFoundError):
    code, title = ErrorCode.KEY_NOT_FOUND, "Key not found"


class WebhookNotFoundError(NotFoundError):
    code, title = ErrorCode.WEBHOOK_NOT_FOUND, "Webhook not found"


class DeliveryNotFoundError(NotFoundError):
    code, title = ErrorCode.DELIVERY_NOT_FOUND, "Message not found"


class WebhookUrlRefusedError(AppError):
    status, code, title = 422, ErrorCode.WEBHOOK_URL_REFUSED, "Address refused"


class ConflictError(AppError):
    status, title = 409, "Conflict"


class TooManyWebhooksError(ConflictError):
    code, title = ErrorCode.TOO_MANY_WEBHOOKS, "Too many webhooks"


class StyleNotReadyError(ConflictError):
    code, title = ErrorCode.STYLE_NOT_READY, "Style not ready"


class StyleBaseMismatchError(ConflictError):
    code, title = ErrorCode.STYLE_BASE_MISMATCH, "Style of another base"


class StyleNotRelearnableError(ConflictError):
    code, title = ErrorCode.STYLE_NOT_RELEARNABLE, "Style cannot be learned again"


class StyleOfOtherModalityError(ConflictError):
    """A style of music for a photo, or the other way round."""

    code, title = ErrorCode.STYLE_OF_OTHER_MODALITY, "Style of another kind"


class JobNotCancelableError(ConflictError):
    code, title = ErrorCode.JOB_NOT_CANCELABLE, "Job already finished"


class StylizationNotReadyError(ConflictError):
    code, title = ErrorCode.STYLIZATION_NOT_READY, "Stylization not ready"


class GenerationNotReadyError(ConflictError):
    code, title = ErrorCode.GENERATION_NOT_READY, "Result not ready"


class BatchNotReadyError(ConflictError):
    code, title = ErrorCode.BATCH_NOT_READY, "Batch not ready"


class JobNotRetryableError(ConflictError):
    code, title = ErrorCode.JOB_NOT_RETRYABLE, "Job cannot be retried"


class ResourceInUseError(ConflictError):
    """A job that waits or runs needs what was to be deleted."""

    code, title = ErrorCode.RESOURCE_IN_USE, "In use"


class IdempotencyKeyInvalidError(AppError):
    status, code, title = 400, ErrorCode.IDEMPOTENCY_KEY_INVALID, "Invalid idempotency key"


class IdempotencyKeyReusedError(AppError):
    status, code, title = 422, ErrorCode.IDEMPOTENCY_KEY_REUSED, "Idempotency key of another request"


class IdempotencyKeyInUseError(ConflictError):
    code, title = ErrorCode.IDEMPOTENCY_KEY_IN_USE, "Request in flight"


class WaitTimeoutError(AppError):
    """A picture was waited for and is not done; its job goes on."""

    status, code, title = 504, ErrorCode.WAIT_TIMEOUT, "Not done in time"


class JobCanceledError(ConflictError):
    code, title = ErrorCode.JOB_CANCELED, "Job canceled"


class JobFailedError(AppError):
    """A job that a client was waiting for failed."""

    code, title = ErrorCode.JOB_FAILED, "Job failed"


class QueueFullError(AppError):
    status, code, title = 429, ErrorCode.QUEUE_FULL, "Queue full"


class QuotaExceededError(AppError):
    status, code, title = 429, ErrorCode.QUOTA_EXCEEDED, "Quota used up"


class StorageExceededError(AppError):
    """The owner's things take as much room as they may."""

    status, code, title = 507, ErrorCode.STORAGE_EXCEEDED, "Storage used up"


class ServiceUnavailableError(AppError):
    status, code, title = 503, ErrorCode.SERVICE_UNAVAILABLE, "Service unavailable"


class ExportUnavailableError(AppError):
    """An optional package is not installed."""

    status, code, title = 501, ErrorCode.EXPORT_UNAVAILABLE, "Export not installed"


class BlobMissingError(AppError):
    """A blob that the ledger names is not in the blob store."""

    code, title = ErrorCode.INPUT_MISSING, "Stored file missing"


class ConfigError(AppError):
    """The configuration cannot be used."""

    title = "Configuration refused"
