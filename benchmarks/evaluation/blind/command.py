"""``fewstroke evaluate --blind``: from two methods to sheets and a key."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.blind.pairs import Comparison, draw_lots
from benchmarks.evaluation.blind.sheets import PAIRS_FILE, write_pairs
from benchmarks.evaluation.contact_sheet import Row, contact_sheet, mosaic
from benchmarks.evaluation.material import Material, choose_material
from benchmarks.evaluation.options import Options
from benchmarks.evaluation.renderings import make_source
from benchmarks.evaluation.sources import collect, parse_method

CELL = 144  # pixels of a result on the overview


@dataclass(frozen=True)
class BlindOptions:
    """What is compared, and where it goes."""

    methods: tuple[str, str]
    pairs: Path  # sheets and form: what the judge gets
    key: Path
    results: Path  # pictures of the methods, kept
    unseen_above: bool = False  # sheets show works that no method saw, not the examples


def check_paths(options: BlindOptions) -> None:
    """Raise ``BenchmarkError`` when the judge would get the key, or what is there would be overwritten."""
    if options.pairs.resolve() in (options.key.resolve(), *options.key.resolve().parents):
        raise BenchmarkError(f"{options.key} lies in the folder of the sheets: keep the key apart")
    if options.key.exists():
        raise BenchmarkError(
            f"{options.key} is there already, and verdicts may need it: choose another --key"
        )
    if options.pairs.is_dir() and any(options.pairs.iterdir()):
        raise BenchmarkError(f"{options.pairs} is not empty, and may hold verdicts: choose another --pairs")


def write_blind(options: BlindOptions, selection: Options, say: Callable[[str], None]) -> list[Path]:
    """Render what is missing, write sheets and key; returns what was written.

    Raises ``BenchmarkError`` or ``model.errors.ModelError``.
    """
    check_paths(options)
    specs = [parse_method(text) for text in options.methods]
    first, second = (spec.name for spec in specs)
    if specs[0].slug == specs[1].slug:
        raise BenchmarkError(f"both methods are called {first}: name two different ones")
    material = choose_material(selection, unseen_above=options.unseen_above)
    abouts, results = [], []
    for spec in specs:  # one after the other: each loads its networks, and is let go
        source = make_source(spec, options.results, selection)
        results.append(collect(source, material, say))
        abouts.append(source.about())
    one, other = results
    comparisons = [Comparison(*place, (path, other[place])) for place, path in one.items()]
    shown = {artist.name: material.works(artist) for artist in material.artists}
    lots = draw_lots(comparisons, selection.seed)
    key = write_pairs(options.pairs, lots, shown, (first, second), material.about() | {"methods": abouts})
    key.write(options.key)
    overview = options.key.with_name(f"{options.pairs.name}-overview.jpg")
    draw_overview(material, dict(zip((first, second), results, strict=True))).save(overview, quality=88)
    return [options.pairs / "index.html", options.pairs / PAIRS_FILE, options.key, overview]


def draw_overview(material: Material, results: Mapping[str, Mapping[tuple[str, str], Path]]) -> Image.Image:
    """All results reduced, a row for each style and method: not for the judge, it names the methods."""
    rows = []
    for artist in material.artists:
        works = mosaic(material.works(artist), cell=CELL)
        for method, paths in results.items():
            pictures = []
            for photo in material.photos:
                with Image.open(paths[artist.name, photo.stem]) as opened:
                    pictures.append(opened.convert("RGB"))
            rows.append(Row(f"{artist.name}: {method}", [works, *pictures]))
    return contact_sheet(["works", *(photo.stem for photo in material.photos)], rows, cell=CELL)
