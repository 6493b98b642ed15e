"""A real nginx in front of a service, with the configuration that ``deploy/nginx`` ships."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.waiting import eventually

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
SHIPPED = Path(__file__).parents[2] / "deploy" / "nginx" / "fewstroke.conf"

_AROUND = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 64; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        {location}
    }}
}}
"""


@asynccontextmanager
async def nginx_before(service: str, folder: Path) -> AsyncIterator[str]:
    """Run nginx in front of the service at the URL ``service``; the URL of the prefix."""
    assert NGINX is not None
    folder.mkdir()  # noqa: ASYNC240 - once, in a test
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    location = SHIPPED.read_text().replace("127.0.0.1:8000", urlsplit(service).netloc)
    config = folder / "nginx.conf"
    config.write_text(_AROUND.format(folder=folder, port=port, location=location))
    process = await asyncio.create_subprocess_exec(
        NGINX, "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(config)
    )

    def answers() -> bool:
        assert process.returncode is None, (folder / "error.log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        await eventually(answers)
        yield f"http://127.0.0.1:{port}/fewstroke"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
