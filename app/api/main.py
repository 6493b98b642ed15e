"""The HTTP application: ``uvicorn --factory app.api.main:create_app``.

Event streams and waiting requests may stay open for minutes: run the server with a graceful-shutdown
timeout of a few seconds.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.types import Scope

from app.api import health, llms_txt, model_routes
from app.api.media import MEDIA, generating
from app.api.openapi import DESCRIPTION, TAGS, operation_id, use_problem_schema
from app.api.services import open_container
from app.batches import routes as batches
from app.detections import routes as detections
from app.files import routes as files
from app.generations import routes as generations
from app.http import exception_handlers
from app.http.cors import allow_origins
from app.http.hrefs import prefix
from app.http.middleware.access_log import ObserveMiddleware
from app.http.middleware.head_requests import HeadMiddleware
from app.http.middleware.request_id import RequestIdMiddleware
from app.http.middleware.request_turns import TurnsMiddleware
from app.http.middleware.root_path import RootPathMiddleware
from app.http.middleware.security_headers import HeadersMiddleware
from app.http.request_metrics import RequestFigures
from app.http.shutdown import ShutdownFlag
from app.http.swagger_ui import serve_docs
from app.images import routes as images
from app.infra.tracing import is_probe
from app.jobs import event_routes as job_events
from app.jobs import routes as jobs
from app.mcp import routes as mcp
from app.medium import Media
from app.metrics import routes as metrics
from app.openai_images import routes as openai_images
from app.retries import routes as retries
from app.settings import Settings, get_settings
from app.shares import routes as shares
from app.studio import routes as studio
from app.styles import routes as styles
from app.stylizations import routes as stylizations
from app.submission import plain_routes as plain_pictures
from app.usage import routes as usage
from app.webhooks import routes as webhooks


def create_app(settings: Settings | None = None, media: Media = MEDIA) -> FastAPI:
    """The application; it connects when it starts and disconnects when it stops."""
    settings = settings or get_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.closing.opened()
        prefix.set(settings.root_path)  # of the tasks that are started here
        async with open_container(settings, app.state.closing, media) as container:
            app.state.container = container
            yield

    app = FastAPI(
        title="Fewstroke",
        version="1",
        description=DESCRIPTION,
        openapi_tags=TAGS,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=operation_id,
        telemetry={"operation_spans": False, "metrics": False, "logs": False, "exclude": is_probe},
    )
    exception_handlers.install(app)
    allow_origins(app, settings)
    app.state.request_figures = RequestFigures()
    app.state.closing = ShutdownFlag()
    app.add_middleware(ObserveMiddleware, figures=app.state.request_figures)
    app.add_middleware(RequestIdMiddleware)
    app.add_middleware(HeadersMiddleware, hsts_seconds=settings.hsts_seconds)
    app.add_middleware(HeadMiddleware)
    app.add_middleware(TurnsMiddleware, sender=partial(_sender, app))
    app.add_middleware(RootPathMiddleware, root_path=settings.root_path)
    app.include_router(styles.build_router(settings, media))
    app.include_router(stylizations.build_router(settings))
    app.include_router(batches.build_router(settings))
    for medium in generating(media):
        app.include_router(generations.build_router(settings, medium))
    app.include_router(jobs.router)
    app.include_router(retries.router)
    app.include_router(job_events.router)
    app.include_router(openai_images.build_router(settings))
    app.include_router(plain_pictures.build_router(settings))
    app.include_router(detections.build_router(settings))
    app.include_router(images.router)
    app.include_router(files.router)
    app.include_router(shares.router)
    app.include_router(webhooks.router)
    app.include_router(usage.router)
    app.include_router(health.router)
    app.include_router(model_routes.router)
    app.include_router(metrics.router)
    app.include_router(mcp.router)
    app.include_router(llms_txt.router)
    app.include_router(studio.router)
    use_problem_schema(app)
    serve_docs(app)
    return app


def _sender(app: FastAPI, scope: Scope) -> str:
    """Whom a request counts for when requests take turns: the owner of its key, else its address."""
    container = getattr(app.state, "container", None)
    authorization = Headers(scope=scope).get("authorization", "")
    owner = container.authenticator.known_owner(authorization) if container and authorization else None
    return f"owner {owner}" if owner else f"address {(scope.get('client') or [''])[0]}"
