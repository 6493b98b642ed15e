"""Secrets in texts: wherever a URL can hold one, and wherever the service speaks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app import redaction
from app.cli import cli
from app.infra.logs import ConsoleFormatter, JsonFormatter
from app.redaction import hide, redact, secrets_of
from app.settings import load_settings

CANARY = "hunter2canary"

URLS = [
    f"postgresql://user:{CANARY}@host:5432/db",
    f"postgresql://user:a/{CANARY}@host/db",
    f"postgresql://user:a?{CANARY}@host/db",
    f"postgresql://user:a?b={CANARY}@host/db",
    f"postgresql://user@host/db?password={CANARY}",
    f"postgresql://user@host/db?sslmode=require&password=a@{CANARY}",
    f"nats://{CANARY}@host:4222",
    f"nats://me:{CANARY}@one:4222,nats://me:{CANARY}@two:4222",
    f"tls://{CANARY}@host:4222",
    f"https://s3.example/bucket?X-Amz-Signature={CANARY}&X-Amz-Credential={CANARY}",
    f"https://hooks.example/?key={CANARY}",
]


@pytest.fixture(autouse=True)
def _nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", set())


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("text", ["{}", "no broker answers at {}: refused", "('{}',)", "<Url>{}</Url>"])
def test_of_urls_no_secret_is_left(url: str, text: str) -> None:
    assert CANARY not in redact(text.format(url))


@pytest.mark.parametrize(
    "text",
    [
        "Fewstroke is ready: http://127.0.0.1:8000 (documentation: http://127.0.0.1:8000/docs)",
        "sqlite+aiosqlite:////home/me@work/data/fewstroke.db",
        "postgresql://host/db?sslmode=require&application_name=x",
        "the broker refuses the token: check FEWSTROKE_NATS_TOKEN",
        "mail me@example.org about s3://bucket/prefix",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_secrets_of_the_settings_are_known_word_for_word(monkeypatch: pytest.MonkeyPatch) -> None:
    load_settings(database_url="postgresql://u:Long%2FSecret@h/db", nats_token="another-secret")
    assert redact("FATAL: Long/Secret, Long%2FSecret and another-secret") == "FATAL: ***, *** and ***"


def test_what_s3_repeats_is_hidden() -> None:
    load_settings(s3_access_key_id="AKIAIOSFODNN7", s3_secret_access_key="another-secret")
    assert redact("<AWSAccessKeyId>AKIAIOSFODNN7</AWSAccessKeyId>") == "<AWSAccessKeyId>***</AWSAccessKeyId>"


def test_names_are_no_secrets() -> None:
    assert secrets_of("postgresql://fewstroke:fewstroke@postgres/fewstroke") == set()
    hide(["a", ""])
    assert redact("a cat") == "a cat"


@pytest.mark.parametrize("formatter", [JsonFormatter(), ConsoleFormatter()])
def test_logs_hold_none(formatter: logging.Formatter) -> None:
    for url in URLS:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "at %s", (url,), None)
        assert CANARY not in formatter.format(record)


@pytest.fixture
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("FEWSTROKE_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield
    asyncio.set_event_loop(None)


SETTINGS = [
    {"FEWSTROKE_DATABASE_URL": f"postgresql://u:{CANARY}@127.0.0.1:1/db"},
    {"FEWSTROKE_DATABASE_URL": f"postgresql://u@127.0.0.1:1/db?password={CANARY}"},
    {"FEWSTROKE_DATABASE_URL": f"mysql://u:{CANARY}@127.0.0.1:1/db"},
    {"FEWSTROKE_NATS_URL": f"nats://{CANARY}@127.0.0.1:1"},
    {"FEWSTROKE_NATS_URL": f"nats://u:{CANARY}@127.0.0.1:1"},
    {"FEWSTROKE_NATS_TOKEN": CANARY, "FEWSTROKE_NATS_URL": "nats://127.0.0.1:1"},
    {"FEWSTROKE_S3_ENDPOINT": f"http://u:{CANARY}@127.0.0.1:1", "FEWSTROKE_BLOBS_URL": "s3://b/p"},
    {"FEWSTROKE_S3_SECRET_ACCESS_KEY": CANARY},
    {"FEWSTROKE_PORT": f"tcp://{CANARY}@127.0.0.1:1"},
]
COMMANDS = [
    ["config"],
    ["config", "--json"],
    ["keys", "list"],
    ["keys", "create", "ada"],
    ["keys", "rotate-links"],
]


@pytest.mark.usefixtures("_apart")
@pytest.mark.parametrize("environment", SETTINGS, ids=lambda given: "-".join(given))
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_prints_one(
    environment: dict[str, str], command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(cli, command)
    assert CANARY not in result.output
