"""The HTTP application: ``uvicorn --factory app.api.main:create_app``.

Event streams and waiting requests may stay open for minutes: run the server with a graceful-shutdown
timeout of a few seconds.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from app.api import health, problems
from app.api.container import open_container
from app.api.docs import serve_docs
from app.api.openapi import DESCRIPTION, TAGS, use_problem_schema
from app.api.request_id import RequestIdMiddleware
from app.images import routes as images
from app.jobs import routes as jobs
from app.settings import Settings, get_settings
from app.styles import routes as styles
from app.stylizations import routes as stylizations

_HOME = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Fewstroke</title>
<p>Fewstroke is running. Its calls are described in <a href="/docs">/docs</a>.</p></html>"""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application; it connects when it starts and disconnects when it stops."""
    settings = settings or get_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_container(settings) as container:
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
    )
    app.add_middleware(RequestIdMiddleware)
    problems.install(app)
    app.include_router(styles.build_router(settings))
    app.include_router(stylizations.build_router(settings))
    app.include_router(jobs.router)
    app.include_router(images.router)
    app.include_router(health.router)
    app.add_api_route("/", home, include_in_schema=False, response_class=HTMLResponse)
    use_problem_schema(app)
    serve_docs(app)
    return app


async def home() -> HTMLResponse:
    """Where to look."""
    return HTMLResponse(_HOME)
