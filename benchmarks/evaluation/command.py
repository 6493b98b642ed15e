"""One evaluation from folders to a report: what ``fewstroke evaluate`` runs."""

import json
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.cache import Cache
from benchmarks.evaluation.contact_sheet import Row as SheetRow
from benchmarks.evaluation.contact_sheet import contact_sheet, mosaic
from benchmarks.evaluation.groups import photos_of, read_groups
from benchmarks.evaluation.methods import SLOW, Family, Rendered, Row
from benchmarks.evaluation.options import Options
from benchmarks.evaluation.page import page
from benchmarks.evaluation.plan import Plan, make_plan
from benchmarks.evaluation.plots import plots
from benchmarks.evaluation.report import Evaluation
from benchmarks.evaluation.runner import Judges, Runner, Settings
from benchmarks.evaluation.selection import (
    Artist,
    choose_artists,
    choose_photos,
    limited,
    load_photo,
    load_work,
    pictures_in,
)
from benchmarks.machine import library_versions, machine_info

SHEET_ROWS = 8  # artists on one picture; the HTML page shows all
MISSING = Image.new("RGB", (64, 64), (235, 235, 235))  # a slow row was not made for every artist


class Sheet:
    """Collects the pictures of the contact sheet: one photo an artist, another for each."""

    def __init__(
        self, artists: Sequence[Artist], photos: Sequence[Path], main_k: int, size: int, slow: int
    ) -> None:
        self._k, self._size, self._photos = main_k, size, photos
        # slow rows have the first photos only: their artists show the first one
        self._shown = {a.name: 0 if i < slow else i % len(photos) for i, a in enumerate(artists)}
        self._cells: dict[str, dict[str, Image.Image]] = {}
        self._families: dict[str, Family] = {}
        self._artists = {artist.name: artist for artist in artists}

    def add(self, artist: Artist, k: int, row: Row, rendered: Rendered) -> None:
        """Keep a result if the sheet shows its row."""
        shown = self._shown[artist.name]
        if k == self._k and self._wanted(row) and shown < len(rendered.pictures):
            self._cells.setdefault(artist.name, {})[row.label] = rendered.pictures[shown]
            self._families[row.label] = row.family

    @staticmethod
    def _wanted(row: Row) -> bool:
        if row.strength != 1 or row.family is Family.IDENTITY:
            return False
        if row.family in (Family.OURS, Family.BASELINE, Family.NO_META):
            return row.is_default or (row.steps == 0 and row.family is Family.OURS)
        return True

    def columns(self) -> list[str]:
        """Names of the columns."""
        ours_first = sorted(self._families, key=lambda label: self._families[label] is not Family.OURS)
        return ["examples", "photo", *ours_first]

    def rows(self) -> list[SheetRow]:
        """A row an artist."""
        labels = self.columns()[2:]
        rows = []
        for name, cells in self._cells.items():
            examples = [load_work(path, self._size) for path in self._artists[name].examples(self._k)]
            photo = load_photo(self._photos[self._shown[name]], self._size)
            pictures = [mosaic(examples, cell=256), photo, *(cells.get(label, MISSING) for label in labels)]
            rows.append(SheetRow(name, pictures))
        return rows


def evaluate(options: Options, say: Callable[[str], None]) -> tuple[Evaluation, list[Path]]:
    """Measure, print progress with ``say``, and write JSON, Markdown, HTML and contact sheets.

    Returns the evaluation and the files. Raises ``BenchmarkError`` or ``model.errors.ModelError``.
    """
    options.check()
    started, machine = time.perf_counter(), machine_info()
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    main_k, ks = options.chosen_k, sorted({*options.ks, options.chosen_k})
    groups = read_groups(options.groups, options.styles)
    gallery = choose_artists(options.styles, ks=ks, main_k=main_k, seed=options.seed, groups=groups)
    artists = limited(gallery, options.limit, seed=options.seed)
    photos = choose_photos(
        photos_of(options.groups, groups, pictures_in(options.contents)),
        count=options.photos,
        seed=options.seed,
    )
    cache = Cache(options.cache)
    plan = make_plan(options, spare_artists(options, gallery), cache)
    slow_rows = bool(SLOW & options.rows)
    sheet = Sheet(artists, photos, main_k, options.size, options.slow_artists if slow_rows else 0)
    judges = Judges(plan.objective, gallery, photos, options.size)
    settings = Settings(options.size, options.seed, min(options.slow_photos, options.photos))
    runner = Runner(plan.methods, judges, photos, settings, cache, sheet.add)
    done = _run(runner, artists, options, started, say)
    if not done:
        raise BenchmarkError("no artist was measured in the time given: allow more --minutes")
    summary = _summary(options, plan, machine, done, photos, len(gallery), time.perf_counter() - started)
    used = [k for k in ks if runner.results.at(k)]
    evaluation = Evaluation(summary, runner.results, main_k, used, plan.searches, plan.notes)
    return evaluation, _write(evaluation, sheet, options)


def spare_artists(options: Options, measured: Sequence[Artist]) -> list[Artist]:
    """Artists of the training split that are not measured, shuffled: for choosing learning rates."""
    names = {artist.name for artist in measured}
    groups = [name for name in read_groups("train", options.styles) or [] if name not in names]
    k = options.chosen_k
    needed = Family.RANDOM in options.rows or (Family.NO_META in options.rows and options.no_meta)
    if not needed:
        return []
    found = choose_artists(options.styles, ks=[k], main_k=k, seed=options.seed, groups=groups)
    random.Random(f"{options.seed}/spare").shuffle(found)
    return found


def _run(
    runner: Runner, artists: Sequence[Artist], options: Options, started: float, say: Callable[[str], None]
) -> list[Artist]:
    """Artist by artist; gives those that were measured."""
    plans = [runner.tasks(artist, slow=i < options.slow_artists) for i, artist in enumerate(artists)]
    total = sum(map(len, plans))
    finished = 0
    for number, artist in enumerate(artists):
        if options.minutes is not None and time.perf_counter() - started > 60 * options.minutes:
            say(f"{options.minutes:g} minutes are over: {number} of {len(artists)} artists are measured")
            return list(artists[:number])
        previous = 0
        for k, row in runner.run(artist, slow=number < options.slow_artists):
            finished += 1
            if k != previous or row.slow:
                previous = k
                rest = [m.row for plan in plans for _, m in plan][finished:]
                left = runner.clock.left(rest)
                estimate = f", about {left / 60:.0f} min left" if left is not None else ""
                say(
                    f"{finished}/{total} rows, {(time.perf_counter() - started) / 60:.1f} min{estimate} | "
                    f"artist {number + 1}/{len(artists)} {artist.name}, K = {k}: {row.label}"
                )
    return list(artists)


def _summary(
    options: Options,
    plan: Plan,
    machine: dict[str, Any],
    artists: Sequence[Artist],
    photos: Sequence[Path],
    gallery: int,
    seconds: float,
) -> dict[str, Any]:
    device = plan.objective.device
    groups = options.groups
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        "arguments": {
            "groups": Path(groups).name if groups is not None and Path(groups).is_file() else groups,
            "k": list(options.ks),
            "main_k": options.chosen_k,
            "steps": options.steps,
            "photos": options.photos,
            "size": options.size,
            "seed": options.seed,
            "limit": options.limit,
            "minutes": options.minutes,
            "rows": sorted(family.value for family in options.rows),
            "slow_limit": [options.slow_artists, options.slow_photos],
            "direct_iterations": options.direct_iterations,
            "random_steps": options.random_steps,
            "strengths": list(options.strengths),
            "settings": list(options.settings),
            "baselines": [path.name for path in options.baselines],
            "no_meta": options.no_meta.name if options.no_meta is not None else None,
            "threads": options.threads,
        },
        "checkpoint": plan.checkpoint,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "machine": machine,
        "libraries": library_versions(),
        "artists": [artist.name for artist in artists],
        "gallery": gallery,
        "photos": [path.name for path in photos],
    }


def _write(evaluation: Evaluation, sheet: Sheet, options: Options) -> list[Path]:
    checkpoint = evaluation.summary["checkpoint"]
    what = checkpoint["sha256"][:8] if checkpoint else "baselines"
    count = len(evaluation.summary["artists"])
    name = f"evaluate-{what}-k{evaluation.main_k}-{options.size}px-{count}artists"
    for folder in (options.out, options.html):
        folder.mkdir(parents=True, exist_ok=True)
    files = [options.out / f"{name}.json", options.out / f"{name}.md", options.html / f"{name}.html"]
    files[0].write_text(json.dumps(evaluation.document(), indent=1) + "\n")
    files[1].write_text(evaluation.markdown())
    columns, rows = sheet.columns(), sheet.rows()
    drawings = plots(evaluation.results, evaluation.main_k, evaluation.ks)
    files[2].write_text(page(evaluation, drawings, columns, rows))
    for first in range(0, len(rows), SHEET_ROWS):
        path = options.html / f"{name}-{first // SHEET_ROWS + 1}.jpg"
        contact_sheet(columns, rows[first : first + SHEET_ROWS]).save(path, quality=90)
        files.append(path)
    return files
