"""What the demos have in common: a service to talk to, bars on the terminal, and an end in one sentence."""

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from demo.errors import DemoError
from demo.service import running_service
from fewstroke_client import Client, FewstrokeError, Job, JobEvent, ProgressEvent

JOB_WITHIN = 480.0  # s for one job, on a slow machine under load


def run(work: Callable[[Console], None], expected: tuple[type[Exception], ...] = ()) -> int:
    """Do the work of a demo; returns the exit status. What is missing is one sentence and status 1."""
    console = Console(highlight=False, soft_wrap=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))  # unwinds, so the service is stopped
    told: tuple[type[Exception], ...] = (DemoError, FewstrokeError, httpx.HTTPError, OSError, *expected)
    try:
        work(console)
    except told as error:
        console.print(f"[bold red]The demo failed:[/] {error}", markup=True)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 130
    return 0


def check_files(paths: Sequence[Path]) -> None:
    """Raise DemoError for the first that is missing."""
    for path in paths:
        if not path.is_file():
            raise DemoError(f"{path} is missing.")


@contextmanager
def service(out: Path, console: Console) -> Iterator[tuple[str, Client, Progress]]:
    """Start a service that logs into ``out``: its URL, a client of it, and bars for its jobs."""
    out.mkdir(parents=True, exist_ok=True)
    log = out / "service.log"
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        console=console,
    )
    status = console.status("starting the service: broker, worker, API")
    status.start()
    try:
        with running_service(log) as url, Client(url) as client:
            status.stop()
            console.print(f"The service runs at {url} (log: {log}).")
            with bars:
                yield url, client, bars
    finally:
        status.stop()


def follow(
    client: Client, bars: Progress, job: Job, what: str, *, words: Callable[[dict[str, float]], str]
) -> tuple[Job, TaskID]:
    """Wait for a job on a bar of its own. ``words``: what is said of the losses of a step."""
    bar = bars.add_task(what, total=None, note="waiting for the worker")

    def on_event(event: JobEvent) -> None:
        if isinstance(event, ProgressEvent):
            bars.update(bar, completed=event.step, total=event.steps, note=words(event.losses))

    return client.wait(job, timeout=JOB_WITHIN, on_event=on_event), bar


def nats(unit: str) -> Callable[[dict[str, float]], str]:
    """Words for a loss in nats by ``unit``, such as "token"."""
    return lambda losses: f"{losses['nats']:.3f} nats a {unit}" if "nats" in losses else ""


def learned(job: Job, unit: str) -> str:
    """How far the loss fell, in nats by ``unit``."""
    assert job.result is not None
    start, end = job.result.losses["start"]["nats"], job.result.losses["end"]["nats"]
    return f"{start:.3f} nats a {unit} before learning, {end:.3f} after"
