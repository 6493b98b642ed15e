"""``python -m benchmarks.fuzz.images --count 20000``: mutated pictures through the real upload path.

The application runs in this process (ASGI), with its real database, blobs, queue and decoder process. Each
request brings one good picture and fifteen mutated ones to ``POST /v1/stylizations``, which answers for each;
one request in eight brings one alone to ``POST /v1/styles``. Exit status 1 on an answer of 5xx, an item
without an answer, or a code that is not about the picture.
"""

import asyncio
import json
import math
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import httpx
import numpy as np
import psutil
import typer
from fastapi import FastAPI
from pydantic import SecretStr
from safetensors.numpy import save

from app.api.main import create_app
from app.errors import ErrorCode
from app.infra.broker import EmbeddedServer
from app.settings import Settings, load_settings
from benchmarks.fuzz.mutations import mutated
from benchmarks.machine import machine_info
from benchmarks.stub.service import picture
from model.formats import METADATA_KEY, StyleHeader, checkpoint_hash

RESULTS = Path(__file__).parent.parent / "results" / "fuzz-images.json"
MIB = 2**20
TOGETHER = 15
REFUSALS = frozenset(
    {
        ErrorCode.IMAGE_FORMAT_UNSUPPORTED,
        ErrorCode.IMAGE_ANIMATED,
        ErrorCode.IMAGE_CORRUPT,
        ErrorCode.IMAGE_TOO_SMALL,
        ErrorCode.IMAGE_TOO_LARGE,
        ErrorCode.CLIP_TOO_LONG,
        ErrorCode.FILES_MISSING,  # an empty file is as good as none
    }
)


@dataclass
class Outcome:
    """What became of the pictures: by code (``accepted`` among them), and memory in MiB."""

    pictures: int = 0
    requests: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    decoder_processes: set[int] = field(default_factory=set)
    decoder_peak_mib: float = 0.0

    def note(self, code: str, about: str) -> None:
        """One picture's answer."""
        self.pictures += 1
        self.codes[code] += 1
        if code != "accepted" and code not in REFUSALS:
            self.findings.append(f"{about}: {code}")

    def look_at_decoder(self) -> None:
        """Its memory; a new process id means that the one before had died, or was too slow."""
        for child in psutil.Process().children():
            try:
                if "app.imaging.decoder_process" in " ".join(child.cmdline()):
                    self.decoder_processes.add(child.pid)
                    self.decoder_peak_mib = max(self.decoder_peak_mib, _high_water(child.pid))
            except (psutil.NoSuchProcess, FileNotFoundError):
                continue


def _high_water(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


async def fuzz(
    client: httpx.AsyncClient, count: int, seed: int, base_hash: str, *, seconds: float = math.inf
) -> Outcome:
    """Send so many mutated pictures to the application of ``client``, whose checkpoint is ``base_hash``;
    fewer when the time is over."""
    outcome, style_id = Outcome(), await _import_style(client, base_hash)
    until = time.monotonic() + seconds
    for number, indices in enumerate(_batches(count)):
        if time.monotonic() > until:
            break
        made = [(index, *mutated(index, seed)) for index in indices]
        abouts = [f"picture {index} of seed {seed} ({name})" for index, name, _ in made]
        if len(made) == 1:
            files = [("examples", ("0", made[0][2]))]
            answer = await client.post("/v1/styles", files=files)
            code = "accepted" if answer.status_code == httpx.codes.ACCEPTED else _code(answer)
            outcome.note(code, abouts[0])
        else:
            sent = [picture("navy"), *(data for _, _, data in made)]
            files = [("contents", (str(position), data)) for position, data in enumerate(sent)]
            answer = await client.post("/v1/stylizations", files=files, data={"style_id": style_id})
            items = answer.json()["stylization"]["items"][1:] if answer.status_code == 202 else []
            for about, item in zip(abouts, items, strict=bool(items)):
                outcome.note("accepted" if item["error"] is None else item["error"]["code"], about)
            if not items:
                outcome.findings.append(f"request {number} ({abouts[0]} and on): {answer.text[:300]}")
        outcome.requests += 1
        outcome.statuses[str(answer.status_code)] += 1
        outcome.look_at_decoder()
    return outcome


def _code(answer: httpx.Response) -> str:
    body: dict[str, Any] = answer.json()
    return str(body["code"])


def _batches(count: int) -> Iterator[range]:
    start = number = 0
    while start < count:
        size = 1 if number % 8 == 7 else min(TOGETHER, count - start)
        yield range(start, start + size)
        start, number = start + size, number + 1


async def _import_style(client: httpx.AsyncClient, base_hash: str) -> str:
    header = StyleHeader(base_hash, 1, 0, 0, {}, "none")
    data = save({"gamma": np.zeros(8, dtype=np.float16)}, metadata={METADATA_KEY: header.to_json()})
    answer = await client.post("/v1/styles/import", files={"file": ("a.safetensors", data)})
    answer.raise_for_status()
    return str(answer.json()["id"])


async def run(count: int, seed: int, seconds: float) -> tuple[Outcome, float]:
    """On an application of its own; also the peak of this process, in MiB."""
    with tempfile.TemporaryDirectory(prefix="fewstroke-fuzz-") as folder:
        checkpoint = Path(folder, "base")  # nobody renders: it is a name for the base of the imported style
        checkpoint.write_bytes(b"a base checkpoint")  # noqa: ASYNC240 - a few bytes
        async with EmbeddedServer(Path(folder)) as server:
            token = SecretStr(server.token) if server.token else None
            app = create_app(_settings(Path(folder), server.url, token, checkpoint))
            async with app.router.lifespan_context(app), _client(app) as client:
                base_hash = checkpoint_hash(checkpoint)
                outcome = await fuzz(client, count, seed, base_hash, seconds=seconds)
    return outcome, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _settings(folder: Path, url: str, token: SecretStr | None, checkpoint: Path) -> Settings:
    return load_settings(
        data_dir=folder,
        checkpoint=checkpoint,
        nats_url=url,
        nats_token=token,
        max_queued_jobs=10**6,  # nobody works here: a full queue would end the fuzzing
        max_queued_jobs_per_owner=10**6,
    )


def _client(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=120)


def main(
    count: Annotated[int, typer.Option(min=1, help="Mutated pictures.")] = 20_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same pictures.")] = 1,
    seconds: Annotated[float, typer.Option(help="After which it ends with fewer pictures.")] = math.inf,
    output: Annotated[Path | None, typer.Option(help="JSON of results.")] = RESULTS,
) -> None:
    """Send pictures that are not what they seem and count the answers."""
    started = time.monotonic()
    outcome, peak = asyncio.run(run(count, seed, seconds))
    in_time = time.monotonic() - started < seconds
    failed = bool(outcome.findings) or (outcome.pictures != count and in_time)
    result = {
        "pictures": outcome.pictures,
        "seed": seed,
        "requests": outcome.requests,
        "statuses": dict(sorted(outcome.statuses.items())),
        "codes": dict(outcome.codes.most_common()),
        "findings": outcome.findings,
        "decoder_processes": len(outcome.decoder_processes),
        "decoder_peak_mib": round(outcome.decoder_peak_mib),
        "application_and_fuzzer_peak_mib": round(peak),
        "seconds": round(time.monotonic() - started),
        "machine": machine_info(),
    }
    typer.echo(json.dumps(result, indent=1))
    if output is not None:
        output.write_text(json.dumps(result, indent=1) + "\n")
    if failed:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
