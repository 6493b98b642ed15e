"""``make demo``: the whole path on this machine. Paintings and a photo go in over HTTP; the photo in the
paintings' style comes back, with a contact sheet of how it got there."""

import argparse
import io
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
from PIL import Image, ImageOps
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from demo.client import Client, Json
from demo.contact_sheet import Panel, contact_sheet, rows, wall
from demo.errors import DemoError
from demo.service import running_service

HERE = Path(__file__).parent
EXAMPLES = ("great-wave", "ejiri-in-suruga", "kazusa-sea-route", "ryogoku-bridge", "poppies")
PICTURES = HERE.parent / "app/studio/pictures"  # the studio offers them too
PHOTO = PICTURES / "photos" / "astronaut.jpg"
BANK = HERE.parent / "model" / "image" / "photos"
DIALS: dict[str, dict[float, str]] = {
    "strength": {0.5: "half the way", 1.0: "the style, default", 1.25: "beyond it", 1.5: "the most"},
    "abstraction": {0.0: "all of the photo's detail", 0.3: "default", 0.6: "larger shapes", 1.0: "the most"},
    "stroke_size": {0.5: "half as large", 1.0: "as learned, default", 2.0: "twice", 4.0: "four times"},
}
DEFAULTS = {("strength", 1.0), ("abstraction", 0.3), ("stroke_size", 1.0)}


@dataclass(frozen=True)
class Rendering:
    """A photo in a style, and the inner loop's figures at its end."""

    png: bytes
    style_id: str
    steps: int
    losses: dict[str, float]

    @property
    def picture(self) -> Image.Image:
        """The decoded PNG."""
        return _decoded(self.png)

    @property
    def note(self) -> str:
        """The loss in words."""
        return _words(self.losses) or "before any learning"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit status. A thing that is missing is one sentence and status 1."""
    parser = argparse.ArgumentParser(prog="python -m demo.run", description="The whole path, over HTTP.")
    parser.add_argument("--examples", type=Path, nargs="+", metavar="FILE", help="default: five of Hokusai")
    parser.add_argument("--photo", type=Path, default=PHOTO, metavar="FILE", help="default: the astronaut")
    parser.add_argument("--out", type=Path, default=HERE / "out", metavar="DIR", help="default: demo/out")
    given = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))  # unwinds, so the service is stopped
    title = "Your examples" if given.examples else "The style of Katsushika Hokusai"
    examples = given.examples or [PICTURES / "examples" / f"{name}.jpg" for name in EXAMPLES]
    try:
        run(examples, given.photo, given.out, title=title, console=console)
    except (DemoError, httpx.HTTPError, OSError) as error:
        console.print(f"[bold red]The demo failed:[/] {error}", markup=True)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 130
    return 0


def run(examples: Sequence[Path], photo: Path, out: Path, *, title: str, console: Console) -> None:
    """Start the service, do the work, write the results. Raises DemoError."""
    started = time.monotonic()
    for path in (*examples, photo):
        if not path.is_file():
            raise DemoError(f"{path} is missing.")
    out.mkdir(parents=True, exist_ok=True)
    log = out / "service.log"
    with ExitStack() as stack:
        with console.status("starting the service: broker, worker, API"):
            url = stack.enter_context(running_service(log))
        console.print(f"The service runs at {url} (log: {log}).")
        client, bars = stack.enter_context(Client(url)), stack.enter_context(_bars(console))
        zero = _render(client, bars, examples, photo, steps=0)
        adapted = _render(client, bars, examples, photo, steps=None)

        lines = [
            [
                Panel(
                    adapted.picture
                    if (dial, value) in DEFAULTS
                    else _decoded(_stylize(client, [photo], adapted.style_id, **{dial: value})[0]),
                    f"{dial.replace('_', ' ')} {value:g}",
                    words,
                )
                for value, words in values.items()
            ]
            for dial, values in DIALS.items()
        ]
        hung = [*sorted((PICTURES / "photos").glob("*.jpg")), *sorted(BANK.glob("*.jpg"))]
        made = [_decoded(png) for png in _stylize(client, hung, adapted.style_id)]
    sheet = contact_sheet(
        title,
        [upright(path) for path in examples],
        [
            Panel(upright(photo), "The photo", "as uploaded"),
            Panel(zero.picture, "Zero steps", zero.note),
            Panel(adapted.picture, f"After {adapted.steps} steps", adapted.note),
        ],
    )
    sheet.save(out / "contact-sheet.png", optimize=True)
    rows("One style, three dials", lines).save(out / "dials.png", optimize=True)
    wall("One style on every photo", made).save(out / "wall.png", optimize=True)
    (out / "zero-step.png").write_bytes(zero.png)
    (out / "stylized.png").write_bytes(adapted.png)
    console.print(f"Done in {time.monotonic() - started:.1f} s:")
    for name in ("stylized.png", "zero-step.png", "dials.png", "wall.png", "contact-sheet.png"):
        console.print(f"  {out / name}")


def upright(path: Path) -> Image.Image:
    """As the service sees it: turned the way it was taken."""
    return ImageOps.exif_transpose(Image.open(path)).convert("RGB")


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[losses]}"),
        TimeElapsedColumn(),
        console=console,
    )


def _render(
    client: Client, bars: Progress, examples: Sequence[Path], photo: Path, *, steps: int | None
) -> Rendering:
    """Learn a style in so many steps and render the photo in it, both over HTTP."""
    what = "zero-step style" if steps == 0 else "inner loop     "
    bar = bars.add_task(what, total=None, losses="waiting for the worker")

    steps_taken = 0

    def on_event(event: str, data: Json) -> None:
        nonlocal steps_taken
        if event == "progress" and data.get("steps") is not None:
            steps_taken = data["step"]
            bars.update(bar, completed=steps_taken, total=data["steps"], losses=_words(data["losses"]))

    style = client.create_style(examples, [photo], name="demo", steps=steps)
    learned = client.wait(style.job_id, on_event)
    end = learned["losses"]["end"]
    bars.update(bar, completed=steps_taken or 1, total=steps_taken or 1, losses=_words(end))

    return Rendering(_stylize(client, [photo], style.id)[0], style.id, steps_taken, end)


def _stylize(client: Client, photos: Sequence[Path], style_id: str, **options: float) -> list[bytes]:
    """PNGs of the photos in a style."""
    stylization = client.stylize(photos, style_id, **options)
    result = client.wait(stylization.job_id, lambda *_: None)
    return [client.content(image["url"]) for image in result["images"]]


def _decoded(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


def _words(losses: dict[str, float]) -> str:
    """How far the loss has fallen; nothing before it did."""
    closer = 1 - losses.get("total", 1)
    return f"{closer:.0%} closer than without learning" if closer > 0 else ""


if __name__ == "__main__":
    sys.exit(main())
