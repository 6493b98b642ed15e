"""Memory of the HTTP process while jobs run: ``python -m benchmarks.api_memory`` (Linux).

Starts ``fewstroke serve`` with its embedded defaults, sends adaptations over HTTP, follows their events,
and reads ``/proc`` of the processes meanwhile. That the HTTP process holds no torch is read from the
files that are mapped into it: a library that was imported is mapped.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.errors import BenchmarkError
from benchmarks.processes import MIB, Usage, sample
from demo.service import running_service
from fewstroke_client import Client

EXAMPLES = Path(__file__).parent.parent / "app/studio/pictures/examples"
PHOTOS = Path(__file__).parent.parent / "app/studio/pictures/photos"
SONGS = 5
BARS = 16
LIMIT_MIB = 150
SAMPLE_SECONDS = 0.1

Job = Callable[[str, int | None, int], None]
"""(address of the service, inner steps, number of the job)"""


def table(usages: Sequence[Usage]) -> str:
    """Markdown table, one line a process, in MiB."""
    head = ["| process | idle | most while jobs ran | high water | torch files |", "|---|---|---|---|---|"]
    rows = [
        f"| {usage.kind} | {usage.idle / MIB:.0f} MiB | {max(usage.while_jobs_run) / MIB:.0f} MiB "
        f"| {usage.high_water / MIB:.0f} MiB | {usage.torch_files} |"
        for usage in sorted(usages, key=lambda usage: usage.kind)
    ]
    return "\n".join([*head, *rows])


def measure(jobs: int, steps: int | None, works: Path | None) -> list[Usage]:
    """Run ``jobs`` adaptations, all followed at once, and a result of each; the processes' memory.

    ``works``: folder of songs to learn from and to compose after, instead of pictures.
    """
    usages: dict[int, Usage] = {}
    with (
        tempfile.TemporaryDirectory(prefix="fewstroke-bench-") as folder,
        running_service(Path(folder) / "serve.log") as url,
        ThreadPoolExecutor(max_workers=jobs) as pool,
    ):
        sample(usages)
        job: Job = _draw if works is None else partial(_compose, sorted(works.iterdir())[:SONGS])
        running = [pool.submit(job, url, steps, number) for number in range(jobs)]
        while not all(future.done() for future in running):
            sample(usages)
            time.sleep(SAMPLE_SECONDS)
        for future in running:
            future.result()  # raises what went wrong in it
    return list(usages.values())


def _draw(url: str, steps: int | None, number: int) -> None:
    photos = sorted(PHOTOS.glob("*.jpg"))
    with Client(url) as client:
        style = client.learn_style(sorted(EXAMPLES.glob("*.jpg")), name=f"style {number}", steps=steps)
        for image in client.stylize(photos[number % len(photos)], style.id).images:
            client.download_image(image)


def _compose(songs: Sequence[Path], url: str, steps: int | None, number: int) -> None:
    with Client(url) as client:
        style = client.learn_style(songs, name=f"style {number}", steps=steps)
        client.compose(style.id, bars=BARS, seed=number)


def main(
    jobs: Annotated[int, typer.Option(min=1, help="Adaptations that are sent at once.")] = 4,
    steps: Annotated[
        int | None, typer.Option(min=0, help="Inner steps.", show_default="the service's")
    ] = None,
    works: Annotated[
        Path | None, typer.Option(help="Folder of a composer's songs: music instead of pictures.")
    ] = None,
) -> None:
    """Print the memory of the service's processes; exit 1 when the HTTP process is too big or holds torch."""
    usages = measure(jobs, steps, works)
    typer.echo(table(usages))
    apis = [usage for usage in usages if usage.kind == "api"]
    if not apis:
        raise BenchmarkError("the HTTP process was not found")
    worst = max(usage.high_water for usage in apis) / MIB
    if worst >= LIMIT_MIB or any(usage.torch_files for usage in apis):
        typer.echo(f"the HTTP process reached {worst:.0f} MiB (limit {LIMIT_MIB}) or holds torch", err=True)
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
