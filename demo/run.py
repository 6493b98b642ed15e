"""``make demo``: the whole path on this machine. Paintings and a photo go in over HTTP; the photo in the
paintings' style comes back, with a contact sheet of how it got there."""

import argparse
import io
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps
from rich.console import Console
from rich.progress import Progress

from app.cli.demo import EXAMPLES
from demo import command
from demo.contact_sheet import Panel, contact_sheet, rows, wall
from demo.errors import DemoError
from fewstroke_client import Client

HERE = Path(__file__).parent
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
    """Run the demo; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m demo.run", description="The whole path, over HTTP.")
    parser.add_argument("--examples", type=Path, nargs="+", metavar="FILE", help="default: five of Hokusai")
    parser.add_argument("--photo", type=Path, default=PHOTO, metavar="FILE", help="default: the astronaut")
    parser.add_argument("--out", type=Path, default=HERE / "out", metavar="DIR", help="default: demo/out")
    given = parser.parse_args(arguments)
    title = "Your examples" if given.examples else "The style of Katsushika Hokusai"
    examples = given.examples or [PICTURES / "examples" / f"{name}.jpg" for name in EXAMPLES]
    return command.run(lambda console: run(examples, given.photo, given.out, title=title, console=console))


def run(examples: Sequence[Path], photo: Path, out: Path, *, title: str, console: Console) -> None:
    """Start the service, do the work, write the results. Raises DemoError."""
    started = time.monotonic()
    command.check_files([*examples, photo])
    with command.service(out, console) as (_, client, bars):
        zero = _render(client, bars, examples, photo, steps=0)
        adapted = _render(client, bars, examples, photo, steps=None)

        lines = [
            [
                Panel(
                    adapted.picture
                    if (dial, value) in DEFAULTS
                    else _decoded(stylize(client, [photo], adapted.style_id, **{dial: value})[0]),
                    f"{dial.replace('_', ' ')} {value:g}",
                    words,
                )
                for value, words in values.items()
            ]
            for dial, values in DIALS.items()
        ]
        hung = [*sorted((PICTURES / "photos").glob("*.jpg")), *sorted(BANK.glob("*.jpg"))]
        made = [_decoded(png) for png in stylize(client, hung, adapted.style_id)]
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


def _render(
    client: Client, bars: Progress, examples: Sequence[Path], photo: Path, *, steps: int | None
) -> Rendering:
    """Learn a style in so many steps and render the photo in it, both over HTTP."""
    what = "zero-step style" if steps == 0 else "inner loop     "
    accepted = client.create_style(examples, contents=[photo], name="demo", steps=steps)
    job, bar = command.follow(client, bars, accepted.job, what, words=_words)
    assert job.result is not None
    end, taken = job.result.losses["end"], job.result.steps
    bars.update(bar, completed=taken or 1, total=taken or 1, note=_words(end))
    style_id = accepted.style.id
    return Rendering(stylize(client, [photo], style_id)[0], style_id, taken, end)


def stylize(client: Client, photos: Sequence[Path], style_id: str, **options: Any) -> list[bytes]:
    """PNGs of the photos in a style. Raises DemoError where one of them failed."""
    done = client.stylize(photos, style_id, timeout=command.JOB_WITHIN, **options)
    for item in done.items:
        if item.error is not None:
            raise DemoError(f"{item.name}: {item.error.detail}")
    return [client.download_image(image) for image in done.images]


def _decoded(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


def _words(losses: dict[str, float]) -> str:
    """How far the loss has fallen; nothing before it did."""
    closer = 1 - losses.get("total", 1)
    return f"{closer:.0%} closer than without learning" if closer > 0 else ""


if __name__ == "__main__":
    sys.exit(main())
