"""``fewstroke batch``: thousands of photos to a running service, and the ZIP of their pictures back."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import progress as rich_progress

from app.bounds import MIN_SIZE
from app.cli.common import InputError, about, complain, err_console, reported_errors, tell
from app.cli.remote import USUAL_ADDRESS, Address, Key, checked, service_at
from app.jobs.job import JobState
from model.image.dials import DEFAULT_ABSTRACTION, LEAST_STROKE_SIZE, MOST_STRENGTH, MOST_STROKE_SIZE

if TYPE_CHECKING:
    import httpx

_PREFIX = "bat_"
_LOOK_EVERY = 1.0  # s
_SHOWN = 10  # photos that are named


def batch(
    photos: Annotated[
        str,
        typer.Argument(help="A folder of photos, a ZIP of them, or the id of a batch that was begun before."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="ZIP of the pictures to write.")],
    style: Annotated[
        str | None, typer.Option("--style", "-s", help="A style of the service, or a preset: hokusai.")
    ] = None,
    renderings: Annotated[
        Path | None,
        typer.Option(help='JSON lines, which photos and how: {"photo": "a/1.jpg", "strength": 0.8}.'),
    ] = None,
    strength: Annotated[float | None, typer.Option(min=0.0, max=MOST_STRENGTH, show_default="1.0")] = None,
    abstraction: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, show_default=str(DEFAULT_ABSTRACTION))
    ] = None,
    stroke_size: Annotated[
        float | None, typer.Option(min=LEAST_STROKE_SIZE, max=MOST_STROKE_SIZE, show_default="1.0")
    ] = None,
    preserve_color: Annotated[bool, typer.Option(help="Keep the photos' colours.")] = False,
    size: Annotated[
        int | None, typer.Option(min=MIN_SIZE, help="Longer side of the pictures in pixels, at most.")
    ] = None,
    format: Annotated[str | None, typer.Option(help="jpeg, png or webp.", show_default="jpeg")] = None,
    address: Address = USUAL_ADDRESS,
    key: Key = None,
) -> None:
    """Have a running service draw thousands of photos in a style, after everything else that it has to do."""
    with reported_errors():
        fields = {
            "style_id": style,
            "strength": strength,
            "abstraction": abstraction,
            "stroke_size": stroke_size,
            "preserve_color": "true" if preserve_color else None,
            "size": size,
            "format": format,
        }
        with service_at(address, key) as http:
            known = photos if photos.startswith(_PREFIX) else _send(http, photos, renderings, fields)
            found = _follow(http, known)
            _download(http, known, output)
        _tell(found, output)


def _send(http: httpx.Client, photos: str, renderings: Path | None, fields: Mapping[str, Any]) -> str:
    """Submit the batch; its id."""
    if fields["style_id"] is None:
        raise InputError(
            "name a style with --style: `curl .../v1/styles` lists them, or a preset, as hokusai"
        )
    form = {name: str(value) for name, value in fields.items() if value is not None}
    with _zipped(Path(photos)) as archive, about(archive), archive.open("rb") as file:
        files: dict[str, Any] = {"photos": ("photos.zip", file)}
        if renderings is not None:
            with about(renderings):
                files["renderings"] = (renderings.name, renderings.read_bytes())
        answer = checked(http.post("/v1/batches", data=form, files=files))
    made: str = answer.json()["batch"]["id"]
    err_console().print(f"{made}: should this end, `fewstroke batch {made} -o ...` goes on waiting")
    return made


@contextmanager
def _zipped(photos: Path) -> Iterator[Path]:
    """The ZIP; of a folder one that goes at the end."""
    if not photos.is_dir():
        yield photos
        return
    with TemporaryDirectory() as folder:
        target = Path(folder) / "photos.zip"
        with about(photos), zipfile.ZipFile(target, "w", strict_timestamps=False) as archive:
            for path in sorted(path for path in photos.rglob("*") if path.is_file()):
                archive.write(path, path.relative_to(photos).as_posix())
        yield target


def _follow(http: httpx.Client, batch_id: str) -> dict[str, Any]:
    """Wait until its job is over; the batch as it is then."""
    columns = (
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TimeRemainingColumn(),
    )
    with rich_progress.Progress(*columns, console=err_console(), transient=True) as bar:
        task = bar.add_task("waiting", total=None)
        while True:
            found: dict[str, Any] = checked(http.get(f"/v1/batches/{batch_id}")).json()
            counts, state = found["counts"], found["job"]["state"]
            done = counts["succeeded"] + counts["failed"]
            bar.update(task, completed=done, total=counts["total"], description=state)
            if JobState(state).terminal:
                return found
            time.sleep(_LOOK_EVERY)


def _download(http: httpx.Client, batch_id: str, output: Path) -> None:
    with http.stream("GET", f"/v1/batches/{batch_id}/zip") as answer:
        if not answer.is_success:
            answer.read()
        checked(answer)
        with about(output), output.open("wb") as file:
            for chunk in answer.iter_bytes():
                file.write(chunk)


def _tell(found: Mapping[str, Any], output: Path) -> None:
    """Raises InputError when its job did not succeed."""
    counts, state = found["counts"], found["job"]["state"]
    for failed in found["errors"][:_SHOWN]:
        complain(f"{failed['photo']}: {failed['error']['detail']}", kind="warning")
    if counts["failed"] > _SHOWN:
        complain(f"{counts['failed'] - _SHOWN} more are in errors.jsonl", kind="warning")
    tell(f"{output}: {counts['succeeded']} of {counts['total']} pictures")
    if state != "succeeded":
        error = found["job"]["error"] or {}
        raise InputError(f"{found['id']} is {state}: {error.get('detail', 'send it again')}")
