"""Which figures agree with the eye: how often the preferred result is also the nearer one."""

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.blind.counts import Share
from benchmarks.evaluation.blind.pairs import Key
from benchmarks.evaluation.blind.verdicts import Side, Verdict, read_form
from benchmarks.evaluation.figures.measure import FIGURES
from benchmarks.tables import table

ResultFigures = dict[tuple[str, str, str], dict[str, float]]  # (method, style, photo) -> figure -> value


def read_figures(path: Path) -> ResultFigures:
    """Figures of every result from the JSON that ``--figures`` wrote.

    Raises:
        BenchmarkError: no such file, or another one.
    """
    try:
        results = json.loads(path.read_text())["results"]
        return {(line["method"], line["style"], line["photo"]): line["figures"] for line in results}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchmarkError(f"{path} is no file of figures: give the JSON that --figures wrote") from error


def agreement(figure: str, verdicts: Sequence[Verdict], key: Key, figures: ResultFigures) -> Share:
    """In how many pairs the preferred result has the lower value; equal values are left out.

    Raises:
        BenchmarkError: a result of the key has no figures.
    """
    pairs = {pair.pair: pair for pair in key.pairs}
    agreed = total = 0
    for verdict in verdicts:
        pair = pairs[verdict.pair]
        methods = [pair.left, pair.right] if verdict.preferred is Side.LEFT else [pair.right, pair.left]
        try:
            better, worse = (figures[method, pair.style, pair.photo] for method in methods)
        except KeyError as error:
            raise BenchmarkError(
                f"there are no figures of {' / '.join(error.args[0])}: run --figures on the key's methods"
            ) from error
        if figure in better and figure in worse and better[figure] != worse[figure]:
            agreed += better[figure] < worse[figure]
            total += 1
    return Share(agreed, total)


def agreements(forms: Sequence[Path], key_file: Path, figures_file: Path) -> str:
    """Markdown: for every form, the share of pairs in which a figure prefers what the judge prefers.

    Raises ``BenchmarkError``.
    """
    key, figures = Key.read(key_file), read_figures(figures_file)
    judged = [read_form(form) for form in forms]
    lines = [
        [name, *(str(agreement(name, verdicts, key, figures)) for verdicts in judged)] for name in FIGURES
    ]
    return table(["figure prefers what is preferred", *map(str, forms)], lines)
