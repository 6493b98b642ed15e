"""Serve ``/docs`` without the internet: Swagger UI's files come from the package fastapi-offline."""

import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from app.http.hrefs import href

_ASSETS = "/docs/assets"


_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def _policy(page: str) -> str:
    """The page's own script by its hash; Swagger UI styles its elements inline."""
    hashes = (b64encode(sha256(code.encode()).digest()).decode() for code in _INLINE.findall(page))
    scripts = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def serve_docs(app: FastAPI) -> None:
    """Add the page and its files to ``app``, which must have been made with ``docs_url=None``."""
    folder = Path(str(files("fastapi_offline"))) / "static"
    app.mount(_ASSETS, StaticFiles(directory=folder), name="docs-assets")

    async def docs() -> HTMLResponse:
        page = get_swagger_ui_html(
            openapi_url=href(str(app.openapi_url)),
            title=app.title,
            swagger_js_url=href(f"{_ASSETS}/swagger-ui-bundle.js"),
            swagger_css_url=href(f"{_ASSETS}/swagger-ui.css"),
            swagger_favicon_url=href(f"{_ASSETS}/favicon.png"),
        )
        page.headers["Content-Security-Policy"] = _policy(bytes(page.body).decode())
        return page

    app.add_api_route("/docs", docs, include_in_schema=False, response_class=HTMLResponse)
