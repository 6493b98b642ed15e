"""``fewstroke evaluate --blind``: from two methods to sheets and a key."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from benchmarks.errors import BenchmarkError, SelectionError
from benchmarks.evaluation.blind.pairs import Comparison, draw_lots
from benchmarks.evaluation.blind.renderings import make_source
from benchmarks.evaluation.blind.sheets import PAIRS_FILE, write_pairs
from benchmarks.evaluation.blind.sources import Source, parse_method
from benchmarks.evaluation.groups import photos_of, read_groups
from benchmarks.evaluation.options import Options
from benchmarks.evaluation.selection import (
    MIN_UNSEEN,
    Artist,
    choose_artists,
    choose_photos,
    limited,
    load_work,
    pictures_in,
)


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
    artists, photos = choose(selection, MIN_UNSEEN if options.unseen_above else 0)
    # a method after the other: each loads its networks when it is first asked, and is let go
    sources: list[Source] = []
    results: list[list[Path]] = []
    for spec in specs:
        source = make_source(spec, options.results, selection)
        sources.append(source)
        results.append(_results(source, artists, photos, say))
    comparisons = [
        Comparison(artist.name, photo.stem, pair)
        for (artist, photo), pair in zip(
            [(artist, photo) for artist in artists for photo in photos],
            zip(*results, strict=True),
            strict=True,
        )
    ]
    about = {
        "seed": selection.seed,
        "k": selection.chosen_k,
        "size": selection.size,
        "sources": [source.about() for source in sources],
    }
    shown = {artist.name: _works(artist, selection, unseen=options.unseen_above) for artist in artists}
    key = write_pairs(options.pairs, draw_lots(comparisons, selection.seed), shown, (first, second), about)
    key.write(options.key)
    return [options.pairs / "index.html", options.pairs / PAIRS_FILE, options.key]


def choose(selection: Options, least_unseen: int) -> tuple[list[Artist], list[Path]]:
    """Styles and photos, as the rest of the evaluation chooses them."""
    k = selection.chosen_k
    groups = read_groups(selection.groups, selection.styles)
    found = choose_artists(
        selection.styles, ks=[k], main_k=k, seed=selection.seed, groups=groups, least_unseen=least_unseen
    )
    photos = choose_photos(
        photos_of(selection.groups, groups, pictures_in(selection.contents)),
        count=selection.photos,
        seed=selection.seed,
    )
    if len({photo.stem for photo in photos}) < len(photos):
        raise SelectionError("two of the photos differ in their endings only: rename one")
    return limited(found, selection.limit, seed=selection.seed), photos


def _results(
    source: Source, artists: Sequence[Artist], photos: Sequence[Path], say: Callable[[str], None]
) -> list[Path]:
    found = []
    for number, artist in enumerate(artists, start=1):
        say(f"{source.name}: style {number} of {len(artists)}, {artist.name}")
        found += [source.result(artist, photo) for photo in photos]
    return found


def _works(artist: Artist, selection: Options, *, unseen: bool) -> list[Image.Image]:
    k = selection.chosen_k
    paths = artist.unseen[:k] if unseen else artist.examples(k)
    return [load_work(path, selection.size) for path in paths]
