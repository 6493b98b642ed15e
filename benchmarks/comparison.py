"""Runs the methods of a comparison, artist by artist."""

import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from PIL import Image

from benchmarks.cache import Measured, ResultCache, cache_key
from benchmarks.contact_sheet import Row, mosaic
from benchmarks.measure import Meter, Style, Target, real_works
from benchmarks.methods import Adapted, MagentaMean, Method
from benchmarks.report import RowResult
from benchmarks.selection import Artist, load_photo, load_work


class Comparison:
    """Runs every method on every artist; measured rows come from the cache when it has them."""

    def __init__(
        self, methods: list[Method], photos: list[Path], *, size: int, seed: int, cache: ResultCache
    ) -> None:
        self._methods, self._photos, self._size, self._seed, self._cache = methods, photos, size, seed, cache
        self._meter = Meter()
        self._pictures = [load_photo(path, size) for path in photos]
        self._features = self._meter.photos(self._pictures)
        self.works = RowResult("real works of the artist")
        self.rows = {method.label: RowResult(method.label) for method in methods}
        self.sheet_rows: list[Row] = []

    def run(self, artist: Artist) -> dict[str, Measured]:
        """Measure every method on one artist."""
        examples = [load_work(path, self._size) for path in artist.examples]

        @cache
        def styles() -> tuple[Style, Style]:  # costs as much as a row, and a cached artist needs none
            return self._meter.style(examples), self._meter.style(
                [load_work(path, self._size) for path in artist.unseen]
            )

        def measure_works() -> Measured:
            return Measured(real_works(*styles()), 0.0, [])

        def measure(method: Method) -> Measured:
            started = time.perf_counter()
            results = method.render(examples, self._pictures, seed=self._seed)
            seconds = time.perf_counter() - started
            targets = [Target.mean_of(style) for style in styles()]
            return Measured(self._meter.measure(results, self._features, *targets), seconds, results)

        self.works.add(self._cached("works", artist, measure_works).values)
        measured = {}
        for method in self._methods:
            entry = self._cached(method.key, artist, partial(measure, method))
            self.rows[method.label].add(entry.values, entry.seconds)
            measured[method.label] = entry
        self._remember(artist, examples, measured)
        return measured

    def _cached(self, name: str, artist: Artist, measure: Callable[[], Measured]) -> Measured:
        files = (*artist.examples, *artist.unseen, *self._photos)
        key = cache_key((name, self._size, self._seed), files)
        if (entry := self._cache.load(key)) is None:
            entry = measure()
            self._cache.store(key, entry)
        return entry

    def _remember(self, artist: Artist, examples: list[Image.Image], measured: dict[str, Measured]) -> None:
        shown = len(self.sheet_rows) % len(self._pictures)  # another photo each row
        self.sheet_rows.append(
            Row(
                artist.name,
                [
                    mosaic(examples, cell=256),
                    self._pictures[shown],
                    *(
                        entry.results[shown]
                        for label, entry in measured.items()
                        if label in self.sheet_columns
                    ),
                ],
            )
        )

    @property
    def sheet_columns(self) -> list[str]:
        """Methods that the sheets show: the mean of K vectors, zero steps, the most steps."""
        adapted = [m for m in self._methods if isinstance(m, Adapted)]
        shown = [m for m in self._methods if isinstance(m, MagentaMean)]
        chosen: list[Method] = [*shown, *(a for a in adapted if a.steps == 0), *adapted[-1:]]
        return list(dict.fromkeys(method.label for method in chosen))
