"""Runs the planned rows, artist by artist; what the cache has is not repeated."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean

from PIL import Image

from benchmarks.evaluation.cache import PROTOCOL, Cache, cache_key
from benchmarks.evaluation.gallery import Gallery, Side, build_gallery
from benchmarks.evaluation.loss_network import LossNetwork
from benchmarks.evaluation.measure import Meter, PhotoFeatures, PictureStyle, Target, Values
from benchmarks.evaluation.methods import Case, Family, Method, Rendered, Row
from benchmarks.evaluation.objective import ObjectiveMeter, ObjectiveTarget
from benchmarks.evaluation.results import Results
from benchmarks.evaluation.second_network import SecondNetwork
from benchmarks.evaluation.selection import Artist, load_photo, load_work

WORKS = Row("real works of the artist", "works", Family.IDENTITY)
OnResult = Callable[[Artist, int, Row, Rendered], None]


@dataclass(frozen=True)
class Settings:
    """What all rows share."""

    size: int
    seed: int
    slow_photos: int


class Judges:
    """The meter, made when the first row is not in the cache: a report from the cache needs no network."""

    def __init__(
        self, objective: ObjectiveMeter, artists: Sequence[Artist], photos: Sequence[Path], size: int
    ) -> None:
        self.objective, self._artists, self._photos, self._size = objective, artists, photos, size

    @property
    def key(self) -> str:
        """What figures depend on besides the pictures: the gallery's works and the loss."""
        files = [path for artist in self._artists for path in (*artist.pool, *artist.unseen)]
        return cache_key((PROTOCOL, self._size, self.objective.key), files)

    @cached_property
    def meter(self) -> Meter:
        """Both networks and the gallery of artists."""
        second = SecondNetwork().to(self.objective.device)
        gallery: Gallery = build_gallery(second, self._artists, self._size, self.objective.device)
        return Meter(LossNetwork(self.objective.objective.network.vgg), second, self.objective, gallery)

    @cached_property
    def photos(self) -> PhotoFeatures:
        """Features of all photos."""
        return self.meter.photos([load_photo(path, self._size) for path in self._photos])


class ArtistRun:
    """One artist: pictures and their statistics are loaded and computed when they are first needed."""

    def __init__(self, judges: Judges, artist: Artist, size: int) -> None:
        self._judges, self.artist, self._size = judges, artist, size
        self._targets: dict[int, tuple[Mapping[Side, Target], ObjectiveTarget]] = {}

    @cached_property
    def pool(self) -> list[Image.Image]:
        """The works that examples are taken from."""
        return [load_work(path, self._size) for path in self.artist.pool]

    @cached_property
    def styles(self) -> tuple[list[PictureStyle], list[PictureStyle]]:
        """Statistics of the pool and of the unseen works."""
        unseen = [load_work(path, self._size) for path in self.artist.unseen]
        return self._judges.meter.works(self.pool), self._judges.meter.works(unseen)

    def targets(self, k: int) -> tuple[Mapping[Side, Target], ObjectiveTarget]:
        """What results are compared with at K: the examples and the unseen works, and the loss's target."""
        if k not in self._targets:
            pool, unseen = self.styles
            meter, name = self._judges.meter, self.artist.name
            sides: Mapping[Side, Target] = {
                "examples": meter.target(name, pool[:k], "examples"),
                "unseen": meter.target(name, unseen, "unseen"),
            }
            self._targets[k] = sides, meter.objective_target(self.pool[:k])
        return self._targets[k]


class Runner:
    """Measures methods on artists and keeps figures and results."""

    def __init__(
        self,
        methods: Mapping[int, Sequence[Method]],
        judges: Judges,
        photos: Sequence[Path],
        settings: Settings,
        cache: Cache,
        on_result: OnResult,
    ) -> None:
        self._methods, self._judges, self._photos = methods, judges, photos
        self._settings, self._cache, self._on_result = settings, cache, on_result
        self._pictures = [load_photo(path, settings.size) for path in photos]
        self._judges_key = judges.key
        self.results = Results()
        self.clock = Clock()

    def tasks(self, artist: Artist, *, slow: bool) -> list[tuple[int, Method]]:
        """The rows of one artist, K by K."""
        return [
            (k, method)
            for k, methods in self._methods.items()
            if artist.allows(k)
            for method in methods
            if slow or not method.row.slow
        ]

    def run(self, artist: Artist, *, slow: bool) -> Iterator[tuple[int, Row]]:
        """Measure one artist; gives each row when it is done."""
        run = ArtistRun(self._judges, artist, self._settings.size)
        cases: dict[tuple[int, bool], Case] = {}
        for k in self._methods:
            if artist.allows(k):
                self._real_works(run, k)
        for k, method in self.tasks(artist, slow=slow):
            row, count = method.row, self._settings.slow_photos if method.row.slow else len(self._photos)
            started = time.perf_counter()
            paths = (*artist.examples(k), *self._photos[:count])
            key = cache_key(("render", PROTOCOL, row.key, self._settings.size, self._settings.seed, k), paths)
            rendered, fresh = self._cache.load_rendered(key), False
            if rendered is None:
                if (k, row.slow) not in cases:
                    cases[k, row.slow] = Case(
                        artist.name, run.pool[:k], self._pictures[:count], self._settings.seed
                    )
                rendered, fresh = method.render(cases[k, row.slow]), True
                self._cache.store_rendered(key, rendered)
            pictures = rendered.pictures

            def measure(k: int = k, pictures: list[Image.Image] = pictures) -> Values:
                return self._judges.meter.measure(pictures, self._judges.photos, *run.targets(k))

            values, measured = self._values(key, artist, measure)
            if fresh or measured:
                self.clock.note(row, time.perf_counter() - started)
            self.results.add(row, k, artist.name, values, rendered.prepare_seconds, rendered.photo_seconds)
            self._on_result(artist, k, row, rendered)
            yield k, row

    def _real_works(self, run: ArtistRun, k: int) -> None:
        key = cache_key(("works", self._settings.size, k), (*run.artist.examples(k), *run.artist.unseen))

        def measure() -> Values:
            pool, unseen = run.styles
            return self._judges.meter.real_works(pool[:k], unseen, run.targets(k)[0])

        values, _ = self._values(key, run.artist, measure)
        self.results.add(WORKS, k, run.artist.name, values, 0.0, 0.0)

    def _values(self, key: str, artist: Artist, measure: Callable[[], Values]) -> tuple[Values, bool]:
        measured_key = cache_key(("values", key, self._judges_key), artist.unseen)
        if (entry := self._cache.load(measured_key)) is not None:
            return Values(**entry), False
        values = measure()
        self._cache.store(measured_key, asdict(values))
        return values, True


class Clock:
    """How long rows take, for an estimate of what is left. A row of a shared loop may hold the whole loop."""

    def __init__(self) -> None:
        self._seconds: dict[str, list[float]] = defaultdict(list)

    def note(self, row: Row, seconds: float) -> None:
        """One row on one artist took so long."""
        self._seconds[row.label].append(seconds)

    def left(self, rows: Sequence[Row]) -> float | None:
        """Seconds that ``rows`` will take if none is in the cache; None before anything was measured."""
        if not self._seconds:
            return None
        means = {label: fmean(seconds) for label, seconds in self._seconds.items()}
        typical = fmean(means.values())
        return sum(means.get(row.label, typical) for row in rows)
