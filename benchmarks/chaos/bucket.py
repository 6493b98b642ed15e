"""A bucket of its own, that can refuse: moto's S3 behind a gate, in this process."""

from __future__ import annotations

import logging
import threading
import urllib.request
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from typing import Any

NAME = "fewstroke"
_KEY = "benchmark"
_SAYS = {403: ("Forbidden", "AccessDenied"), 503: ("Service Unavailable", "SlowDown")}


class Bucket:
    """An S3 service with one bucket. ``refusal``: the status that everybody gets; None: it works."""

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
        self.refusal: int | None = None
        self.refused = 0
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._gate, threaded=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._make()

    @property
    def env(self) -> dict[str, str]:
        """What a service is told to use it."""
        return {
            "FEWSTROKE_BLOBS_URL": f"s3://{NAME}/benchmark",
            "FEWSTROKE_S3_ENDPOINT": self._url,
            "FEWSTROKE_S3_ACCESS_KEY_ID": _KEY,
            "FEWSTROKE_S3_SECRET_ACCESS_KEY": _KEY,
        }

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def _make(self) -> None:
        asked = urllib.request.Request(f"{self._url}/{NAME}", method="PUT")
        urllib.request.urlopen(asked, timeout=60).close()

    def _gate(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if self.refusal is None:
            answer: Iterable[bytes] = self._app(environ, start)
            return answer
        self.refused += 1
        phrase, code = _SAYS[self.refusal]
        body = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
        start(
            f"{self.refusal} {phrase}",
            [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))],
        )
        return [body]


def no_bucket() -> str | None:
    """Why there is no bucket."""
    return (
        None
        if find_spec("moto") and find_spec("werkzeug")
        else "moto is not installed (pip install -e '.[dev]')"
    )
