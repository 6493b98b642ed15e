"""Makes sheets on which a viewer matches results to photos or orders values of a dial; counts the answers.

``python -m benchmarks.evaluation.viewing faces|dials|count``. A judge gets the folder of sheets with its
form; the key stays elsewhere.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image, ImageOps

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.contact_sheet import Row, contact_sheet
from benchmarks.evaluation.selection import pictures_in
from model.image.dials import Dials
from model.image.engine import Engine
from model.image.style import Style

CHOICES = 4  # photos that a result may be of, and values of a dial
LETTERS = "abcd"
FORM = "answers.csv"
DIALS = {
    "strength": (0.3, 0.7, 1.0, 1.5),
    "abstraction": (0.0, 0.3, 0.6, 1.0),
    "stroke_size": (0.5, 1.0, 2.0, 4.0),
}
COLUMNS = {"faces": ("sheet", "photo", "eyes", "mouth"), "dials": ("sheet", "order")}
HELP = {
    "faces": "photo: the letter of the photo that the result is of; eyes, mouth (or muzzle): yes or no",
    "dials": "order: letters from the least to the most, such as bdac",
}

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)

Styles = Annotated[list[Path], typer.Option("--style", help="Folder of a style's works; again for each.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for the sheets and the form; empty or new.")]
KeyFile = Annotated[Path, typer.Option("--key", help="File for what a viewer must not know.")]
Examples = Annotated[int, typer.Option("--k", help="Examples of a style: the first of its folder.")]
Side = Annotated[int, typer.Option("--size", help="Longer side of the photos, pixels.")]


def shuffled(items: Sequence[str], seed: str) -> list[str]:
    """The items in an order drawn by ``seed``."""
    return random.Random(seed).sample(items, len(items))


def write_form(folder: Path, kind: str, sheets: Iterable[int]) -> None:
    """An empty form, and what its columns ask for."""
    with (folder / FORM).open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS[kind])
        writer.writerows([sheet, *[""] * (len(COLUMNS[kind]) - 1)] for sheet in sheets)
    (folder / "README.txt").write_text(f"{FORM}: {HELP[kind]}\n")


def read_form(path: Path) -> list[dict[str, str]]:
    """Lines of a form that are filled in, in lower case.

    Raises ``BenchmarkError`` when the file cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [
                {name: (value or "").strip().lower() for name, value in row.items()}
                for row in csv.DictReader(file)
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BenchmarkError(f"{path} cannot be read: give the form with its answers") from error
    return [row for row in rows if row.get("photo") or row.get("order")]


def count_answers(rows: Sequence[dict[str, str]], key: dict[str, str]) -> dict[str, tuple[int, int]]:
    """What is asked for -> (right answers, answers): matched photos, eyes and mouths seen, ordered rows.

    Raises ``BenchmarkError`` for a sheet that the key does not know.
    """
    found: dict[str, tuple[int, int]] = {}

    def add(name: str, right: bool) -> None:
        before = found.get(name, (0, 0))
        found[name] = before[0] + right, before[1] + 1

    for row in rows:
        if row["sheet"] not in key:
            raise BenchmarkError(f"the key has no sheet {row['sheet']!r}: give the key of these sheets")
        if "order" in row:
            add("ordered", row["order"] == key[row["sheet"]])
            continue
        add("matched", row["photo"] == key[row["sheet"]])
        for part in ("eyes", "mouth"):
            add(part, row[part] == "yes")
    return found


def _prepare(out: Path, key: Path, styles: Sequence[Path]) -> None:
    if out.is_dir() and any(out.iterdir()):
        raise BenchmarkError(f"{out} is not empty, and may hold answers: choose another --out")
    if out.resolve() in key.resolve().parents:
        raise BenchmarkError(f"{key} lies in the folder of the sheets: keep the key apart")
    for style in styles:
        if not pictures_in(style):
            raise BenchmarkError(f"no pictures in {style}: give folders of works with --style")
    out.mkdir(parents=True, exist_ok=True)
    key.parent.mkdir(parents=True, exist_ok=True)


def _photo(path: Path, size: int) -> Image.Image:
    with Image.open(path) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    picture.thumbnail((size, size), Image.Resampling.LANCZOS)
    return picture


def _learn(engine: Engine, folder: Path, k: int) -> Style:
    typer.echo(f"learning {folder.name}")
    return engine.adapt([Image.open(path).convert("RGB") for path in pictures_in(folder)[:k]])


@app.command()
def faces(
    style: Styles,
    photo: Annotated[list[Path], typer.Option("--photo", help="Photos, four alike after each other.")],
    out: Out,
    key: KeyFile,
    k: Examples = 5,
    size: Side = 512,
) -> None:
    """Sheets with one result and the four photos that it may be of; styles by turns."""
    _prepare(out, key, style)
    if len(photo) % CHOICES:
        raise BenchmarkError(f"photos come in fours that are alike: {len(photo)} is no multiple of {CHOICES}")
    engine, answers = Engine.load(), dict[str, str]()
    shown = [_photo(path, size) for path in photo]
    learned = [_learn(engine, folder, k) for folder in style[: len(photo)]]
    for at, picture in enumerate(shown):
        result = engine.stylize(picture, learned[at % len(learned)])
        first = at - at % CHOICES
        order = shuffled([str(i) for i in range(first, first + CHOICES)], f"faces/{at}")
        choices = [shown[int(i)] for i in order]
        sheet = contact_sheet(["result", *LETTERS], [Row(f"sheet {at + 1}", [result, *choices])], cell=size)
        sheet.save(out / f"{at + 1:02}.png")
        answers[str(at + 1)] = LETTERS[order.index(str(at))]
    write_form(out, "faces", range(1, len(photo) + 1))
    key.write_text(json.dumps(answers) + "\n")


@app.command()
def dials(
    style: Styles,
    photo: Annotated[list[Path], typer.Option("--photo", help="Photos, for the styles by turns.")],
    out: Out,
    key: KeyFile,
    k: Examples = 5,
    size: Side = 512,
) -> None:
    """Sheets with four values of one dial in a drawn order, for every style and dial."""
    _prepare(out, key, style)
    engine, answers = Engine.load(), dict[str, str]()
    for at, folder in enumerate(style):
        learned, picture = _learn(engine, folder, k), _photo(photo[at % len(photo)], size)
        for dial, values in DIALS.items():
            number = len(answers) + 1
            order = shuffled([str(i) for i in range(CHOICES)], f"dials/{number}")
            drawn = [Dials(**{dial: values[int(i)]}) for i in order]
            results = [
                engine.stylize(
                    picture,
                    learned,
                    strength=d.strength,
                    abstraction=d.abstraction,
                    stroke_size=d.stroke_size,
                )
                for d in drawn
            ]
            sheet = contact_sheet(["photo", *LETTERS], [Row(f"{dial}", [picture, *results])], cell=size)
            sheet.save(out / f"{number:02}.png")
            answers[str(number)] = "".join(LETTERS[order.index(str(i))] for i in range(CHOICES))
    write_form(out, "dials", range(1, len(answers) + 1))
    key.write_text(json.dumps(answers) + "\n")


@app.command()
def count(form: Annotated[Path, typer.Argument(help="Form with answers.")], key: KeyFile) -> None:
    """Count right answers."""
    for name, (right, of) in count_answers(read_form(form), json.loads(key.read_text())).items():
        typer.echo(f"{name}: {right} of {of}")


def main() -> None:
    """Run the command line; what is wrong is said in a sentence."""
    try:
        app()
    except BenchmarkError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
