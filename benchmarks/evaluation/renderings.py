"""The methods of a blind choice that render: the same rows that the figures are measured on."""

import hashlib
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import model
from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.direct import Direct
from benchmarks.evaluation.methods import (
    Case,
    ColorTransfer,
    Family,
    Identity,
    MagentaRow,
    Method,
    Rendered,
    Row,
    timed_photos,
)
from benchmarks.evaluation.options import Options
from benchmarks.evaluation.sources import Renderings, ResultFolder, Source, Spec
from benchmarks.magenta import Magenta
from model.device import resolve_device
from model.image.engine import Engine
from model.image.style import Style


class Served:
    """Our pictures as the service gives them: a style of the examples, and the photo in it."""

    def __init__(self, engine: Engine, steps: int | None) -> None:
        self._engine, self._steps = engine, steps
        count = engine.default_steps if steps is None else steps
        self.row = Row(
            f"Fewstroke {engine.base_hash[:8]}, {count} steps",
            f"served-{engine.base_hash}-{count}-{_code()}",
            Family.OURS,
            steps=count,
        )
        self._learned: tuple[Sequence[object], Style] | None = None

    def render(self, case: Case) -> Rendered:
        """Every photo at its own size; the style is learned once for the same examples."""
        started = time.perf_counter()
        if self._learned is None or self._learned[0] is not case.examples:
            style = self._engine.adapt(case.examples, steps=self._steps, seed=case.seed)
            self._learned = (case.examples, style)
        style = self._learned[1]
        return timed_photos(
            case.photos,
            lambda _, photo: self._engine.stylize(photo, style, size=max(photo.size)),
            time.perf_counter() - started,
        )


def make_source(spec: Spec, results: Path, options: Options) -> Source:
    """What a name on the command line stands for."""
    if spec.kind == "folder":
        return ResultFolder(spec.name, Path(spec.settings["folder"]), options.chosen_k)
    k = int(spec.settings.get("k", options.chosen_k))
    if not 1 <= k <= options.chosen_k:
        raise BenchmarkError(f"{spec.name}: there are {options.chosen_k} examples, take k from 1 to that")
    return Renderings(
        spec.name, _method(spec, options), results / spec.slug, k=k, size=options.size, seed=options.seed
    )


def _method(spec: Spec, options: Options) -> Method:
    if spec.kind == "photo":
        return Identity()
    if spec.kind == "color":
        return ColorTransfer()
    if spec.kind == "magenta":
        return MagentaRow(Magenta(threads=options.threads, exact=True), mean=True)
    if spec.kind == "direct":
        return Direct(resolve_device(options.device), iterations=options.direct_iterations)
    checkpoint, steps = spec.settings.get("checkpoint"), spec.settings.get("steps")
    engine = Engine.load(Path(checkpoint) if checkpoint else options.checkpoint, device=options.device)
    return Served(engine, int(steps) if steps is not None else None)


@cache
def _code() -> str:
    """A hash of the package that renders: another version of it gives other pictures."""
    folder = Path(next(iter(model.__path__)))
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
