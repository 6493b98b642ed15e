"""Canaries: a secret in every setting that can hold one, in names, in pictures. None of them is found where
others can look: in anonymous answers, logs, command lines, environments of those who need none, or, once
everything was deleted, in the data folder."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import get_type_hints

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from app.auth.principal import Scope
from app.auth.repository import create_key
from app.infra.db import create_engine, create_sessions, utcnow
from app.migrations.tables import Base
from app.settings import Settings, load_settings
from tests.support.events import parse_sse
from tests.support.served import READY_WITHIN, Service, running_service
from tests.support.waiting import eventually

pytestmark = pytest.mark.process

CANARY = "canary7f3a"
NAME = f"Patient-{CANARY}-name"

SECRETS = {  # settings in which a secret can stand, with one
    "database_url": f"postgresql://u:{CANARY}a@127.0.0.1:1/db?password={CANARY}b",
    "blobs_url": "s3://bucket/prefix",
    "s3_endpoint": f"http://u:{CANARY}d@127.0.0.1:1",
    "s3_access_key_id": f"{CANARY}e",
    "s3_secret_access_key": f"{CANARY}f",
    "nats_url": f"nats://{CANARY}g@127.0.0.1:1",
    "nats_token": f"{CANARY}h",
    "secret_key": f"{CANARY}i",
}
HOLD_NONE = {  # texts that are told to others by their nature, or choices
    *("s3_region", "renderer", "log_level", "log_format", "host", "auth", "publish", "hosts", "cors_origins"),
    *("root_path", "trusted_proxies"),
    *("input_hosts", "input_allowed_networks"),
    *("webhook_allowed_networks", "data_dir", "checkpoint", "presets_dir"),
    *(
        "least_provenance",
        "reserved_examples",
        "watermark",
        "label",
        "label_text",
        "label_font",
        "signing_certificate",
        "signing_key",
    ),  # paths, no keys
    *("music_checkpoint", "poems_checkpoint"),
}
OTHERS = {  # what the environment of a service holds besides
    "AWS_SECRET_ACCESS_KEY": f"{CANARY}j",
    "AWS_SESSION_TOKEN": f"{CANARY}k",
    "OTEL_EXPORTER_OTLP_HEADERS": f"authorization={CANARY}l",
    "HTTPS_PROXY": f"http://u:{CANARY}m@127.0.0.1:1",
}


def test_every_setting_is_known_to_hold_a_secret_or_none() -> None:
    texts = {
        name
        for name, kind in get_type_hints(Settings).items()
        if name in Settings.model_fields and re.search(r"\bstr\b|SecretStr|Path|Literal", str(kind))
    }
    assert texts == SECRETS.keys() | HOLD_NONE


def environment(*names: str) -> dict[str, str]:
    return {f"FEWSTROKE_{name.upper()}": SECRETS[name] for name in names} | OTHERS


@pytest.mark.parametrize("command", ["serve", "api", "worker", "doctor"])
async def test_who_finds_nothing_of_what_it_needs_tells_no_secret(tmp_path: Path, command: str) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.cli", command),
            env={
                **os.environ,
                **environment(*SECRETS),
                "FEWSTROKE_DATA_DIR": str(tmp_path / "data"),
                "FEWSTROKE_PORT": "0",
            },
            cwd=tmp_path,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )

    def complained() -> bool:
        return "127.0.0.1" in log.read_text(errors="replace") or process.returncode is not None

    try:
        await eventually(complained, within=READY_WITHIN)  # some try for ever
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    said = log.read_text(errors="replace")
    assert said
    assert CANARY not in said


def picture(seed: int) -> bytes:
    """Noise, so that no part of it is found by chance, with a text inside."""
    about = PngInfo()
    about.add_text("Comment", f"{CANARY} in the picture")
    noise = np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(noise).save(buffer, "PNG", pnginfo=about)
    return buffer.getvalue()


def upload(**fields: int) -> list[tuple[str, tuple[str, bytes]]]:
    """So many pictures of each field."""
    return [(field, (f"{NAME}-{n}.png", picture(n))) for field, count in fields.items() for n in range(count)]


async def strangers(service: Service) -> list[str]:
    """What everybody is told who has no key, by every route and for what is no request at all."""
    said = []
    base = service.http.base_url
    async with httpx.AsyncClient(base_url=base, timeout=30, trust_env=False) as anybody:
        with suppress(httpx.TransportError):
            routes = (await anybody.get("/openapi.json")).json()["paths"]
            for path, methods in routes.items():
                for method in methods:
                    answer = await anybody.request(method.upper(), re.sub(r"\{\w+\}", "x_1", path))
                    said.append(f"{answer.headers}\n{answer.text}")
            wrong = {"Authorization": "Bearer fsk_wrong"}
            for path in (
                "/",
                "/docs",
                "/readyz",
                "/livez",
                "/metrics",
                "/v1/jobs",
                "/nowhere",
                "/assets/x.js",
            ):
                answer = await anybody.get(path, headers=wrong)
                said.append(f"{answer.headers}\n{answer.text}")
            answer = await anybody.post("/v1/styles", files=upload(examples=1))
            said.append(answer.text)
    with suppress(OSError):
        reader, writer = await asyncio.open_connection(base.host, base.port)
        writer.write(b"\x16\x03\x01 no request\r\n\r\n")
        said.append((await reader.read()).decode(errors="replace"))
        writer.close()
    assert said
    return said


def family(service: Service) -> Iterator[tuple[str, bytes, bytes]]:
    """What the processes of the service are, their command lines, and the environments of those who need no
    secret."""
    for child in psutil.Process(service.process.pid).children(recursive=True):
        about = Path("/proc", str(child.pid))
        with suppress(OSError, psutil.Error):
            line = about.joinpath("cmdline").read_bytes()
            apart = any(name in line for name in (b"nats-server", b"decoder_process", b"export_child"))
            yield child.name(), line, about.joinpath("environ").read_bytes() if apart else b""


def found_in(folder: Path, marks: set[bytes]) -> list[str]:
    """The files that hold one of them. One that is deleted meanwhile holds none."""
    found = []
    for path in sorted(folder.rglob("*")):
        with suppress(FileNotFoundError, IsADirectoryError):
            data = path.read_bytes()
            found += [f"{path.relative_to(folder)}: {mark!r}" for mark in marks if mark in data]
    return found


async def key_of(data_dir: Path, *scopes: Scope) -> str:
    engine = create_engine(load_settings(data_dir=data_dir).database)
    try:
        _, text = await create_key(create_sessions(engine), owner="ada", name="", scopes=scopes)
    finally:
        await engine.dispose()
    return text


async def everything_made(service: Service) -> tuple[str, set[bytes]]:
    """Work with names and pictures; the token of a shared result, and parts of everything that was stored or
    shown."""
    http = service.http
    hook = {"url": f"https://127.0.0.1/{CANARY}-path?token={CANARY}-token"}
    refused = await http.post("/v1/webhooks", json=hook)
    assert refused.status_code == 422, refused.text
    made = await http.post("/v1/webhooks", json={"url": f"https://hooks.example/{CANARY}?token={CANARY}-t"})
    assert made.status_code == 201, made.text
    made = await http.post("/v1/stylize", files=upload(examples=2, content=1), data={"steps": "6"})
    assert made.status_code == 202, made.text
    jobs = [made.json()["job"]["id"]]
    await service.until(jobs[0], "succeeded")
    style = made.json()["style"]["id"]
    made = await http.post("/v1/stylizations", files=upload(contents=3), data={"style_id": style})
    jobs.append(made.json()["job"]["id"])
    await service.until(jobs[1], "succeeded")
    (result, *_) = (await http.get("/v1/images?role=result")).json()["items"]
    shared = await http.put(f"/v1/images/{result['id']}/share")
    assert shared.status_code in (200, 201), shared.text
    marks = blob_marks(service.data_dir)
    events = parse_sse((await http.get(f"/v1/jobs/{jobs[0]}/events")).text.splitlines())
    previews = [event["data"]["base64"] for event in events if event["event"] == "preview"]
    assert previews
    marks |= {preview[len(preview) // 2 :][:48].encode() for preview in previews}
    return str(shared.json()["token"]), marks


def blob_marks(data_dir: Path) -> set[bytes]:
    """Bytes from the middle of every file that is stored."""
    marks: set[bytes] = set()
    for path in (data_dir / "blobs").rglob("*"):
        # presets are nobody's, and a style of the fake engine says nothing of pictures
        if path.is_file() and not {"presets", "styles"} & set(path.parts):
            data = path.read_bytes()
            marks.add(data[len(data) // 2 :][:32])
    return marks


async def expire_everything(data_dir: Path) -> None:
    """Move the dates on which rows go into the past."""
    engine = create_engine(load_settings(data_dir=data_dir).database)
    try:
        async with create_sessions(engine).begin() as session:
            for table in Base.metadata.sorted_tables:
                if "expires_at" in table.c:
                    past = utcnow() - timedelta(seconds=1)
                    await session.execute(table.update().values(expires_at=past))
    finally:
        await engine.dispose()


async def everything_deleted(http: httpx.AsyncClient) -> None:
    for kind in ("stylizations", "styles", "images", "webhooks"):
        for item in (await http.get(f"/v1/{kind}?limit=100")).json()["items"]:
            answer = await http.delete(f"/v1/{kind}/{item['id']}")
            assert answer.status_code in (204, 404), answer.text
        assert (await http.get(f"/v1/{kind}")).json()["items"] == []


async def break_blobs(service: Service) -> None:
    blobs = service.data_dir / "blobs"
    blobs.rename(blobs.with_name("aside"))
    blobs.write_bytes(b"")


async def mend_blobs(service: Service) -> None:
    blobs = service.data_dir / "blobs"
    blobs.unlink()
    blobs.with_name("aside").rename(blobs)


async def kill(service: Service, kind: str) -> None:
    dict(service.children())[kind].send_signal(signal.SIGKILL)


async def tear_database(service: Service) -> None:
    for name in ("fewstroke.db", "fewstroke.db-wal"):
        path = service.data_dir / name
        size = path.stat().st_size
        with path.open("r+b") as pages:
            pages.seek(4096)
            pages.write(b"\x5a" * max(0, size - 4096))


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
async def test_nobody_sees_a_canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apart = ("database_url", "blobs_url", "nats_url")  # with these it would not run here
    for name, value in environment(*(name for name in SECRETS if name not in apart)).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FEWSTROKE_AUTH", "keys")
    monkeypatch.setenv("FEWSTROKE_LOG_FORMAT", "json")
    folder = tmp_path / "data"
    async with running_service(folder) as service:
        key = await key_of(folder, Scope.READ, Scope.WRITE)
        service.http.headers["Authorization"] = f"Bearer {key}"
        said = await strangers(service)
        token, marks = await everything_made(service)
        said += await strangers(service)
        async with httpx.AsyncClient(base_url=service.http.base_url, trust_env=False) as anybody:
            shared = await anybody.get(f"/v1/shared/{token}")
        assert shared.status_code == 200, shared.text
        said.append(shared.text)
        processes = list(family(service))
        assert {b"decoder_process" in line for _, line, _ in processes} == {True, False}
        assert CANARY.encode() not in b"".join(line + environ for _, line, environ in processes)

        assert found_in(tmp_path, marks | {NAME.encode()}), "nothing is looked for"
        await everything_deleted(service.http)
        assert found_in(tmp_path, marks) == []

        async def ready() -> bool:
            with suppress(httpx.TransportError):
                return bool((await service.http.get("/readyz")).json()["status"] == "ready")
            return False

        own: list[str] = []

        async def faulty_work() -> None:
            """What an owner is told while parts are away, too."""
            with suppress(httpx.TransportError):
                answer = await service.http.post("/v1/stylize", files=upload(examples=1, content=1))
                own.append(answer.text)
                own.append((await service.http.get("/readyz")).text)

        for fault in ("worker", "broker"):
            await service.adapt(steps=3)
            await kill(service, fault)
            await faulty_work()
            said += await strangers(service)
            await eventually(ready, within=60)
        await break_blobs(service)
        await faulty_work()
        said += await strangers(service)
        await mend_blobs(service)
        await tear_database(service)
        await faulty_work()
        said += await strangers(service)
        log = service.text
    assert any('"missing"' in text for text in said)
    assert CANARY not in "".join(said)
    told = "".join(own)
    assert not [value for value in (*SECRETS.values(), *OTHERS.values()) if value in told]
    assert CANARY not in log


async def test_nothing_is_left_of_what_was_deleted_when_the_service_has_stopped(tmp_path: Path) -> None:
    async with running_service(tmp_path / "data") as service:
        _, marks = await everything_made(service)
        await everything_deleted(service.http)
        service.process.terminate()
        await service.wait()
    assert found_in(tmp_path, marks | {CANARY.encode()}) == []


async def test_nothing_is_left_of_what_has_expired(tmp_path: Path) -> None:
    often = {"FEWSTROKE_SWEEP_EVERY": "0.5", "FEWSTROKE_KEEP_JOBS_DAYS": "0.000001"}
    async with running_service(tmp_path / "data", environment=often) as service:
        token, _ = await everything_made(service)
        blobs = blob_marks(service.data_dir)
        assert found_in(tmp_path, blobs | {NAME.encode()}), "nothing is looked for"
        await expire_everything(service.data_dir)

        async def swept() -> bool:
            return not (await service.http.get("/v1/images")).json()["items"]

        await eventually(swept, within=60)
        await eventually(lambda: not found_in(tmp_path, blobs | {NAME.encode(), token.encode()}), within=60)
        assert (await service.http.get(f"/v1/shared/{token}")).status_code == 404
        # what jobs have shown is the broker's, and goes after an hour: docs/deletion.md
