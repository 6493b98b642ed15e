"""Learn the presets of ``app/presets/catalogue.json`` and draw their thumbnails for the studio.

``python -m scripts.presets --works FOLDER`` writes ``app/presets/files`` and
``app/studio/pictures/presets``; after that, ``make studio`` builds the page anew. Run it whenever the
packaged checkpoint changes. A file that the checkpoint has learned already is kept, unless ``--again`` is
given: an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from PIL import Image, ImageOps

from app.presets.catalogue import FOLDER, Preset, presets
from model.errors import StyleFormatError
from model.formats import read_style_header
from model.image.engine import Engine
from model.image.style import Style

ROOT = Path(__file__).parents[1]
ART = ROOT / "app/studio/pictures/presets"
PHOTO = ROOT / "app/studio/pictures/photos/cat.jpg"  # the photo of the studio's thumbnails
HERO_PHOTO = ROOT / "app/studio/pictures/photos/astronaut.jpg"
HERO = "hokusai"  # what the studio's first page shows large
HERO_SIDE = 512  # px
THUMB_SIDE = 384  # px of the longer side
SMALL_SIDE = 168  # px: a square cut from the middle of the thumbnail, for lists of styles to choose from
WORK_SIDE = 200  # px: a square cut from the middle of the first work


def find(work: str, works: Path) -> Path:
    """The file of a work; raises ``FileNotFoundError`` that names it."""
    path = (ROOT if work.startswith("app/studio/pictures/") else works) / work
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: point --works at the folder that holds {work}")
    return path


def kept(path: Path, base_hash: str) -> bytes | None:
    """The style file at ``path`` when it was learned with this checkpoint."""
    if not path.is_file():
        return None
    data = path.read_bytes()
    try:
        return data if read_style_header(data).base_hash == base_hash else None
    except StyleFormatError:
        return None


def learn(engine: Engine, preset: Preset, works: Path) -> bytes:
    """The style file of a preset, with the checkpoint's usual number of steps."""
    examples = []
    for work in preset.works:
        with Image.open(find(work.file, works)) as image:
            examples.append(ImageOps.exif_transpose(image).convert("RGB"))
    return engine.adapt(examples).to_bytes()


def draw(engine: Engine, preset: Preset, style: bytes, works: Path, out: Path) -> None:
    """Write the thumbnails of a preset: the studio's photo in it, and a square of its first work."""
    learned = Style.from_bytes(style, base_hash=engine.base_hash)
    with Image.open(PHOTO) as photo:
        small = engine.stylize(photo.convert("RGB"), learned, size=512)
    small.thumbnail((THUMB_SIDE, THUMB_SIDE), Image.Resampling.LANCZOS)
    small.save(out / f"{preset.slug}.webp", quality=78, method=6)
    square = ImageOps.fit(small, (SMALL_SIDE, SMALL_SIDE), Image.Resampling.LANCZOS)
    square.save(out / f"{preset.slug}-small.webp", quality=70, method=6)
    with Image.open(find(preset.works[0].file, works)) as image:
        work = ImageOps.fit(image.convert("RGB"), (WORK_SIDE, WORK_SIDE), Image.Resampling.LANCZOS)
    work.save(out / f"{preset.slug}-work.webp", quality=70, method=6)
    if preset.slug == HERO:
        with Image.open(HERO_PHOTO) as photo:
            before = photo.convert("RGB")
        before.thumbnail((HERO_SIDE, HERO_SIDE), Image.Resampling.LANCZOS)
        before.save(out / "hero-before.webp", quality=78, method=6)
        engine.stylize(before, learned).save(out / "hero-after.webp", quality=82, method=6)


def main() -> int:
    """Learn and draw every preset that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--works", type=Path, required=True, help="folder that holds the catalogue's files")
    parser.add_argument("--only", nargs="+", metavar="SLUG", help="some of them, by their short names")
    parser.add_argument("--again", action="store_true", help="learn also what this checkpoint has learned")
    parser.add_argument("--checkpoint", type=Path, help="another checkpoint than the packaged one")
    parser.add_argument("--files", type=Path, default=FOLDER, help="folder to write the style files to")
    parser.add_argument("--art", type=Path, default=ART, help="folder to write the thumbnails to")
    given = parser.parse_args()
    chosen = [preset for preset in presets().values() if given.only is None or preset.slug in given.only]
    try:
        for preset in chosen:  # all of them, before the first hour is spent
            for work in preset.works:
                find(work.file, given.works)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    engine = Engine.load(given.checkpoint)
    for folder in (given.files, given.art):
        folder.mkdir(parents=True, exist_ok=True)
    for preset in chosen:
        started = time.perf_counter()
        path = given.files / f"{preset.slug}.safetensors"
        style = None if given.again else kept(path, engine.base_hash)
        if style is None:
            style = learn(engine, preset, given.works)
            path.write_bytes(style)
        draw(engine, preset, style, given.works, given.art)
        print(f"{preset.slug}: {len(style)} bytes, {time.perf_counter() - started:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
