"""CORS: which other origins may call, by configuration. Keys travel in a header, never in cookies."""

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from app.settings import Settings

_ASKED = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "If-Range",
    "Last-Event-ID",
    "Prefer",
    "Range",
    "X-Request-ID",
)
_TOLD = (
    "Content-Disposition",
    "Content-Location",
    "Content-Range",
    "ETag",
    "Idempotency-Replayed",
    "Location",
    "Preference-Applied",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Image-ID",
    "X-Job-ID",
    "X-Request-ID",
    "X-Style-ID",
)


def allow_origins(app: FastAPI, settings: Settings) -> None:
    """Answer preflights, and let the pages of ``settings.cors_origins`` read answers."""
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST", "PATCH", "PUT", "DELETE"],
            allow_headers=list(_ASKED),
            expose_headers=list(_TOLD),
            max_age=600,
        )
