"""What an evaluation is asked to do, and how the command line's words are read."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.methods import Family
from model.image.adaptation.config import AdaptConfig

RESULTS = Path("benchmarks/results")
RUNS = Path("runs/evaluate")
STRENGTHS = (0.5, 0.75, 1.25, 1.5)  # beside 1, which every row has
MAIN_K = 5


@dataclass(frozen=True)
class Options:
    """Settings of one evaluation."""

    styles: Path
    contents: Path
    groups: str | None = "validation"
    ks: tuple[int, ...] = (1, 3, 5, 8)
    main_k: int | None = None  # all rows are measured at this K; None: MAIN_K, or the largest of ks
    steps: str = "0,1,5,10,20,default,50"
    size: int = 256  # side of the photos, short side of the works, pixels
    photos: int = 5
    seed: int = 0
    limit: int | None = None  # artists
    minutes: float | None = None  # begin no artist after that
    rows: frozenset[Family] = frozenset(Family)
    slow_artists: int = 4
    slow_photos: int = 1
    direct_iterations: int = 350
    random_steps: int = 200
    checkpoint: Path | None = None
    baselines: tuple[Path, ...] = ()
    no_meta: Path | None = None
    settings: Mapping[str, AdaptConfig] = field(default_factory=dict)  # other inner loops, by their words
    strengths: tuple[float, ...] = STRENGTHS
    device: str = "auto"
    threads: int | None = None
    cache: Path = RUNS / "cache"
    out: Path = RESULTS  # JSON and tables
    html: Path = RUNS  # the report and contact sheets: they show the data's pictures

    def check(self) -> None:
        """Raise ``BenchmarkError`` when a row that was named lacks what its option gives, or the reverse."""
        named = self.rows if self.rows != frozenset(Family) else frozenset()
        given = {
            Family.NO_META: (self.no_meta is not None, "a checkpoint", "FILE"),
            Family.BASELINE: (bool(self.baselines), "a checkpoint", "FILE"),
            Family.SETTINGS: (bool(self.settings), "settings", "NAME=VALUE,..."),
        }
        for family, (is_given, what, value) in given.items():
            option = f"--{family.value}"
            if family in named and not is_given:
                raise BenchmarkError(f"--rows {family.value} needs {what}: give {option} {value}")
            if is_given and family not in self.rows:
                raise BenchmarkError(f"{option} was given, but --rows leaves {family.value} out")

    @property
    def chosen_k(self) -> int:
        """The K at which all rows are measured."""
        if self.main_k is not None:
            return self.main_k
        return MAIN_K if MAIN_K in self.ks else max(self.ks)


def parse_steps(text: str, default: int) -> list[int]:
    """``0,1,5,default`` to ascending step counts without repeats.

    Raises:
        BenchmarkError: not a list of numbers of steps.
    """
    try:
        steps = {default if part.strip() == "default" else int(part) for part in text.split(",")}
    except ValueError as error:
        raise BenchmarkError(f"--steps takes numbers and `default`, not {text!r}") from error
    if min(steps) < 0:
        raise BenchmarkError("a number of steps is never negative")
    return sorted(steps)


def parse_numbers(text: str, option: str, *, least: float, most: float) -> tuple[float, ...]:
    """``1,3,5`` to ascending numbers without repeats.

    Raises:
        BenchmarkError: something else, or a number out of range.
    """
    try:
        numbers = sorted({float(part) for part in text.split(",")})
    except ValueError as error:
        raise BenchmarkError(f"{option} takes numbers separated by commas, not {text!r}") from error
    if not least <= numbers[0] <= numbers[-1] <= most:
        raise BenchmarkError(f"{option} takes numbers from {least:g} to {most:g}, not {text!r}")
    return tuple(numbers)


def parse_ks(text: str) -> tuple[int, ...]:
    """``1,3,5`` to ascending numbers of examples.

    Raises:
        BenchmarkError: not whole numbers from 1 to 16.
    """
    numbers = parse_numbers(text, "--k", least=1, most=16)
    if any(not number.is_integer() for number in numbers):
        raise BenchmarkError(f"--k takes whole numbers, not {text!r}")
    return tuple(int(number) for number in numbers)


def parse_rows(text: str) -> frozenset[Family]:
    """``magenta,ours`` to families of rows; ``all`` is every one.

    Raises:
        BenchmarkError: an unknown family.
    """
    names = [part.strip() for part in text.split(",")]
    if names == ["all"]:
        return frozenset(Family)
    known: Collection[str] = {family.value for family in Family}
    if unknown := [name for name in names if name not in known]:
        raise BenchmarkError(
            f"--rows knows no {', '.join(unknown)}; it takes all, {', '.join(sorted(known))}"
        )
    return frozenset(Family(name) for name in names)


def parse_settings(text: str, config: AdaptConfig) -> AdaptConfig:
    """``rate=0.03,steps=12``: ``config`` with other numbers.

    Raises:
        BenchmarkError: a name that is no number of the inner loop, or no number.
    """
    numbers = {f.name: type(getattr(config, f.name)) for f in fields(config)}
    numbers = {name: kind for name, kind in numbers.items() if kind in (int, float)} | {"rate": float}
    for part in text.split(","):
        name, _, value = (word.strip() for word in part.partition("="))
        if name not in numbers:
            known = ", ".join(sorted(numbers))
            raise BenchmarkError(f"--settings knows no {name!r}; it takes NAME=VALUE,... of {known}")
        try:
            config = replace(config, **{name: numbers[name](value)})
        except ValueError as error:
            raise BenchmarkError(f"--settings takes a number for {name}, not {value!r}") from error
    return config


def parse_slow_limit(text: str) -> tuple[int, int]:
    """``4x2`` to artists and photos of the slow rows.

    Raises:
        BenchmarkError: another form.
    """
    parts: Sequence[str] = text.split("x")
    if len(parts) != 2 or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise BenchmarkError(f"--slow-limit takes ARTISTSxPHOTOS such as 4x2, not {text!r}")
    return int(parts[0]), int(parts[1])
