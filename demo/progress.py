"""Jobs as bars on the terminal, with their progress and loss."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from demo.client import Client, Json


def progress_bars(console: Console) -> Progress:
    """A bar for each job that ``follow`` follows; to be entered as a context."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        console=console,
    )


def follow(client: Client, bars: Progress, job_id: str, what: str, *, unit: str) -> Json:
    """Wait for a job on a bar of its own; returns its result. ``unit``: what its losses are counted by."""
    bar = bars.add_task(what, total=None, note="waiting for the worker")

    def on_event(event: str, data: Json) -> None:
        if event == "progress":
            nats = data["losses"].get("nats")
            note = f"{nats:.3f} nats a {unit}" if nats is not None else ""
            bars.update(bar, completed=data["step"], total=data["steps"], note=note)

    return client.wait(job_id, on_event)
