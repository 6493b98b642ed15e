"""``python -m benchmarks.fuzz.contract``: Schemathesis with all checks on a service with a stub engine.

Exit status 1 when a check fails. The numbers go into ``benchmarks/results/contract.json``.
"""

import asyncio
import json
import os
import re
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.errors import BenchmarkError
from benchmarks.machine import machine_info
from benchmarks.stub.service import Service, stub_service

CONFIG = Path(__file__).with_name("schemathesis.toml")
RESULTS = Path(__file__).parent.parent / "results" / "contract.json"
_ENV = {
    "FEWSTROKE_AUTH": "keys",
    "FEWSTROKE_MAX_WAIT_SECONDS": "1",
    # No bound that a fuzzer's own diligence would meet: 429 would hide what lies behind it.
    "FEWSTROKE_REQUESTS_PER_MINUTE": "0",
    "FEWSTROKE_MAX_QUEUED_JOBS": "100000",
    "FEWSTROKE_MAX_QUEUED_JOBS_PER_OWNER": "100000",
    "FEWSTROKE_MAX_WEBHOOKS": "100000",
}


@dataclass(frozen=True)
class Report:
    """``output``: what Schemathesis said; ``answers``: how many of each status, from the service's log."""

    passed: bool
    cases: int
    seconds: float
    answers: dict[str, int]
    output: str


async def check_contract(examples: int, seed: int) -> Report:
    """Run all phases with at most so many generated cases a call and phase."""
    with tempfile.TemporaryDirectory(prefix="fewstroke-fuzz-") as folder:
        async with stub_service(Path(folder) / "data", workers=1, env=_ENV) as service:
            started = time.monotonic()
            key = await _key(service)
            process = await asyncio.create_subprocess_exec(
                str(Path(sysconfig.get_path("scripts")) / "schemathesis"),
                *("--config-file", str(CONFIG), "run", f"{service.url}/openapi.json"),
                *("--header", f"Authorization: Bearer {key}", "--checks", "all", "--no-color"),
                *("--max-examples", str(examples), "--seed", str(seed)),
                cwd=folder,  # it keeps notes where it runs
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            output = (await process.communicate())[0].decode(errors="replace")
            alive = service.process.returncode is None
            log = service.log.read_text(errors="replace")
    found = re.search(r"(\d+) generated", output)
    if found is None:
        raise BenchmarkError(f"Schemathesis did not run:\n{output}")
    return Report(
        passed=process.returncode == 0 and alive,
        cases=int(found[1]),
        seconds=round(time.monotonic() - started, 1),
        answers=dict(sorted(Counter(re.findall(r"app\.access_log: .* (\d{3}) in ", log)).items())),
        output=output,
    )


async def _key(service: Service) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "app.cli", "keys", "create", "fuzzer", "--scopes", "read,write,admin"),
        env={**os.environ, "FEWSTROKE_DATA_DIR": str(service.data_dir)},
        stdout=asyncio.subprocess.PIPE,
    )
    return (await process.communicate())[0].decode().split()[0]


def main(
    examples: Annotated[int, typer.Option(min=1, help="Generated cases of a call, at most.")] = 100,
    seed: Annotated[int, typer.Option(help="The same seed makes the same cases.")] = 1,
    output: Annotated[Path | None, typer.Option(help="JSON of results.")] = RESULTS,
) -> None:
    """Let Schemathesis look for answers that the OpenAPI description does not allow."""
    report = asyncio.run(check_contract(examples, seed))
    typer.echo(report.output)
    result = {
        "schemathesis": metadata.version("schemathesis"),
        "seed": seed,
        "examples": examples,
        "cases": report.cases,
        "answers": report.answers,
        "passed": report.passed,
        "seconds": report.seconds,
        "machine": machine_info(),
    }
    if output is not None:
        output.write_text(json.dumps(result, indent=1) + "\n")
    if not report.passed or report.answers.get("500"):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
