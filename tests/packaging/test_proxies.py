"""The files for proxies that no test runs say what the service says."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from app.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"


def test_traefik_serves_the_prefix_and_no_neighbour() -> None:
    http = yaml.safe_load((DEPLOY / "traefik" / "dynamic.yaml").read_text())["http"]
    (router,) = http["routers"].values()
    assert "Path(`/fewstroke`) || PathPrefix(`/fewstroke/`)" in router["rule"]
    (server,) = http["services"][router["service"]]["loadBalancer"]["servers"]
    assert server["url"] == f"http://127.0.0.1:{Settings.model_fields['port'].default}"


def test_caddy_serves_the_prefix_and_no_neighbour() -> None:
    lines = re.findall(r"^\s*([^#\s].*)$", (DEPLOY / "caddy" / "Caddyfile").read_text(), re.MULTILINE)
    assert lines == [
        "your.site {", "redir /fewstroke /fewstroke/ 308", "handle /fewstroke/* {",
        "reverse_proxy 127.0.0.1:8000", "}", "}",
    ]  # fmt: skip


def test_nginx_lets_through_what_the_service_takes() -> None:
    text = (DEPLOY / "nginx" / "fewstroke.conf").read_text()
    found = re.search(r"client_max_body_size (\d+)m;", text), re.search(r"proxy_read_timeout (\d+)s;", text)
    size, seconds = (int(match[1]) for match in found if match)
    fields = Settings.model_fields
    assert size * 1024**2 >= fields["max_request_bytes"].default
    assert seconds > fields["max_wait_seconds"].default
