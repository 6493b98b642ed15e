"""What is read off measured rows: paired comparisons, matched distances, verdicts, tables."""

import json

import pytest
from PIL import Image

from benchmarks.evaluation import checks
from benchmarks.evaluation.columns import COLUMNS
from benchmarks.evaluation.contact_sheet import Row as SheetRow
from benchmarks.evaluation.matching import match
from benchmarks.evaluation.methods import Family
from benchmarks.evaluation.page import page
from benchmarks.evaluation.plots import plots
from benchmarks.evaluation.report import Evaluation
from benchmarks.evaluation.results import Results, compare
from tests.benchmarks.rows import add, row

MAGENTA = row("Magenta, mean of K", Family.MAGENTA, curve="Magenta, mean of K")
START = row("Fewstroke, 0 steps", Family.OURS, curve="Fewstroke, 0 steps", steps=0)
ADAPTED = row("Fewstroke, 24 steps", Family.OURS, curve="Fewstroke, 24 steps", steps=24, is_default=True)


def by_artist(*values: float) -> dict[str, float]:
    return {f"artist {index}": value for index, value in enumerate(values)}


def test_improved_share_counts_artists_and_change_compares_means() -> None:
    compared = compare(by_artist(0.5, 1.0, 1.5, 3.0), by_artist(1.0, 1.0, 2.0, 4.0), "vgg_examples")
    assert compared is not None
    assert compared.improved_share == 0.75  # an unchanged artist has not improved
    assert compared.change_percent is not None
    assert compared.change_percent.value == pytest.approx(-25)
    assert compared.ratio == pytest.approx(0.75)


def test_columns_know_which_way_is_better() -> None:
    more = compare(by_artist(0.8, 0.2), by_artist(0.5, 0.5), "top1_unseen")
    nearer = compare(by_artist(0.9, 1.5), by_artist(0.7, 1.1), "saturation")
    assert more is not None
    assert nearer is not None
    assert (more.improved_share, nearer.improved_share) == (0.5, 0.5)
    assert nearer.change_percent is None  # a ratio of ratios says nothing


def test_only_common_artists_are_compared_and_a_change_from_zero_is_undefined() -> None:
    compared = compare(by_artist(1.0, 2.0, 30.0), by_artist(0.0, 4.0), "content")
    assert compared is not None
    assert (compared.artists, compared.after, compared.change_percent) == (2, 1.5, None)
    assert compare(by_artist(1.0), {}, "content") is None


def curve(results: Results, made_of: dict[float, tuple[list[float], list[float]]]) -> None:
    for strength, (content, style) in made_of.items():
        made = (
            ADAPTED
            if strength == 1
            else row(f"s{strength}", Family.SWEEP, curve=ADAPTED.curve, strength=strength)
        )
        add(results, made, 5, {"content": content, "eff_examples": style})


def test_matched_rows_are_interpolated_artist_by_artist() -> None:
    results = Results()
    curve(
        results, {0.5: ([0.2, 0.2], [0.9, 0.9]), 1: ([0.4, 0.6], [0.5, 0.3]), 1.5: ([0.5, 1.0], [0.3, 0.1])}
    )
    add(results, MAGENTA, 5, {"content": [0.3, 2.0]})
    rival = results.rows[5, MAGENTA.label]
    rows = [results.rows[5, label] for label in ("s0.5", ADAPTED.label, "s1.5")]
    matched = match(rows, rival)
    assert matched is not None
    assert matched.values["eff_examples"] == pytest.approx(by_artist(0.7, 0.1))
    assert matched.strengths == pytest.approx(by_artist(0.75, 1.5))
    assert matched.unreached == 1  # the second artist's curve ends below Magenta's distance
    # structure is 1 everywhere: it never passes Magenta's, so content alone decides
    both = match(rows, rival, ("content", "structure"))
    assert both is not None
    assert both.values["eff_examples"] == pytest.approx(matched.values["eff_examples"])
    assert (matched.exceeded, both.exceeded) == (0, 0)


def test_a_curve_that_is_farther_from_the_photo_at_every_strength_passes_nothing() -> None:
    results = Results()
    curve(results, {0.5: ([0.2, 0.4], [0.5, 0.5]), 1: ([0.4, 0.6], [0.1, 0.1])})
    add(results, MAGENTA, 5, {"content": [0.3, 0.3]})
    missed = line(checks.default_steps(results, 5), "at every strength")
    assert (missed.value, missed.bar, missed.passed) == ("1 of 2", "0", False)


def test_a_curve_that_dips_below_the_rival_is_matched_there() -> None:
    results = Results()
    curve(results, {0.5: ([0.4], [0.5]), 0.75: ([0.2], [0.3]), 1: ([0.5], [0.1])})
    add(results, MAGENTA, 5, {"content": [0.3]})
    assert [matched.exceeded for matched in checks.matched_rows(results, 5)] == [0, 0]


def test_no_curve_no_match() -> None:
    results = Results()
    add(results, MAGENTA, 5, {})
    assert match([results.rows[5, MAGENTA.label]], results.rows[5, MAGENTA.label]) is None


@pytest.fixture
def results() -> Results:
    results = Results()
    add(results, MAGENTA, 5, {"eff_examples": [1.0] * 4, "content": [0.5] * 4})
    add(results, START, 5, {"eff_examples": [0.9] * 4, "vgg_examples": [0.8] * 4})
    add(results, ADAPTED, 5, {"eff_examples": [0.7, 0.7, 0.7, 0.95], "vgg_examples": [0.5] * 4})
    return results


def line(lines: list[checks.Verdict], *words: str) -> checks.Verdict:
    (found,) = [each for each in lines if all(word in each.text for word in words)]
    return found


def test_share_of_artists_that_improve_meets_its_bar_or_not(results: Results) -> None:
    lines = checks.adaptation_helps(results, 5)
    missed = line(lines, COLUMNS["eff_examples"].heading)
    assert (missed.value, missed.passed, missed.word) == ("75% of 4", False, "FAIL")
    assert line(lines, COLUMNS["vgg_examples"].heading).passed is True
    assert line(lines, COLUMNS["eff_unseen"].heading).passed is None  # reported, no bar


def test_default_steps_are_held_against_the_best_one_shot_row(results: Results) -> None:
    one = row("Magenta, one example", Family.MAGENTA)
    add(results, one, 5, {"eff_examples": [0.8] * 4})
    lines = checks.default_steps(results, 5)
    second = line(lines, COLUMNS["eff_examples"].heading)
    assert second.value.startswith("0.953")  # 0.7625 of 0.8, the better of the two
    assert "one example" in second.text
    assert second.passed is False
    assert line(lines, COLUMNS["vgg_examples"].heading).passed is True  # 0.5 of 1, bar 0.55
    kept = line(lines, "K = 5: content")
    assert (kept.passed, kept.value[:5]) == (False, "2.000")  # 1 of Magenta's 0.5
    assert line(lines, COLUMNS["top1_unseen"].heading).passed is True


def test_medians_must_fall_at_every_step(results: Results) -> None:
    middle = row("Fewstroke, 5 steps", Family.OURS, steps=5)
    add(results, middle, 5, {"eff_examples": [0.8] * 4, "vgg_examples": [0.8] * 4})
    lines = checks.steps_monotone(results, 5)
    assert line(lines, COLUMNS["eff_examples"].heading).passed is True
    assert line(lines, COLUMNS["eff_examples"].heading).value == "0.900 > 0.800"
    assert line(lines, COLUMNS["vgg_examples"].heading).passed is False  # equal is no fall


def test_neighbouring_k_are_compared_on_artists_that_have_both(results: Results) -> None:
    add(results, ADAPTED, 1, {"eff_unseen": [2.0, 2.0, 2.0, 2.0], "vgg_unseen": [0.5] * 4})
    add(results, ADAPTED, 8, {"eff_unseen": [0.5], "vgg_unseen": [0.5]})
    lines = checks.over_k(results, [1, 5, 8])
    fell = line(lines, COLUMNS["eff_unseen"].heading)
    assert fell.passed is True
    assert "(4 artists)" in fell.value
    assert "(1 artists)" in fell.value
    assert line(lines, COLUMNS["vgg_unseen"].heading).passed is False
    assert "K 8: 1.00" in line(lines, "saturation").value


def test_direct_optimization_is_compared_on_its_own_artists(results: Results) -> None:
    bound = row("direct", Family.DIRECT)
    add(results, bound, 5, {"objective": [0.8]})
    results.rows[5, "direct"].photo_seconds["artist 0"] = 100.0
    lines = checks.direct(results, 5)
    assert line(lines, "with the adaptation").passed is False  # 2.5 s of 100 s
    assert line(lines, "further photo").passed is True  # 0.5 s of 100 s


def test_meta_learning_is_compared_at_equal_steps(results: Results) -> None:
    for steps, values in ((10, [0.1] * 4), (24, [1.4] * 4)):
        add(results, row(f"no meta {steps}", Family.NO_META, steps=steps), 5, {"eff_examples": values})
    lines = checks.meta_learning(results, 5)
    assert all("24 steps" in each.text for each in lines)  # ten steps of ours were not measured
    assert line(lines, COLUMNS["eff_examples"].heading).value.startswith("0.545")


def test_what_was_not_run_is_said_to_be_not_measured() -> None:
    lines = checks.verdicts(Results(), 5, [5])
    assert {each.item for each in lines} == {1, 2, 3, 4, 5, 6}
    assert all(each.passed is None for each in lines)


def evaluation(results: Results, artists: int = 4) -> Evaluation:
    summary = {
        "arguments": {"size": 256, "seed": 0},
        "machine": {"processor": "one", "cores": 2},
        "checkpoint": None,
        "artists": [f"artist {index}" for index in range(artists)],
        "gallery": 9,
        "photos": ["a.jpg"],
    }
    return Evaluation(summary, results, 5, [5])


@pytest.mark.parametrize(("count", "warned"), [(7, True), (8, False)])
def test_few_artists_are_called_few(results: Results, count: int, warned: bool) -> None:
    text = evaluation(results, count).markdown()
    assert ("intervals mean little" in text) is warned
    assert f"{count} artists, 1 photos each" in text


def test_markdown_names_every_column_and_row(results: Results) -> None:
    text = evaluation(results).markdown()
    assert all(f"| {column.heading} |" in text for column in COLUMNS.values())  # the glossary
    assert "| Fewstroke, 24 steps | 0.500 [0.500, 0.500] |" in text
    assert "75% of 4" in text


def test_slow_rows_stand_beside_the_others_on_the_same_photos(results: Results) -> None:
    many = row("color transfer", Family.COLOR)
    add(results, many, 5, {"objective": [1.0] * 4}, photos=3)
    results.rows[5, many.label].values["artist 0"].photos["objective"][:] = [4.0, 9.0, 9.0]
    add(results, row("direct", Family.DIRECT), 5, {"objective": [0.8]})
    table = evaluation(results).slow_table()
    assert table is not None
    assert "1 artists, the first 1 photos" in table.note
    cells = {line[0]: line[1] for line in table.lines}
    assert (cells["color transfer"], cells["direct"]) == ("4.000", "0.800")


def test_the_document_is_json_with_the_values_behind_the_means(results: Results) -> None:
    document = json.loads(json.dumps(evaluation(results).document()))
    (adapted,) = [each for each in document["rows"] if each["label"] == ADAPTED.label]
    assert adapted["means"]["eff_examples"]["value"] == pytest.approx(0.7625)
    assert adapted["per_artist"]["artist 3"]["photos"]["eff_examples"] == [0.95]
    assert any(not verdict["passed"] for verdict in document["verdicts"])


def test_the_page_needs_nothing_but_itself(results: Results) -> None:
    results.rows[5, ADAPTED.label].row = row("<b>24</b>", Family.OURS, steps=24, is_default=True)
    sheet = [SheetRow("someone & <co>", [Image.new("RGB", (40, 20), "red")])]
    html = page(evaluation(results), {"A plot": "<svg></svg>"}, ["photo"], sheet)
    assert "&lt;b&gt;24&lt;/b&gt;" in html
    assert "someone &amp; &lt;co&gt;" in html
    assert "data:image/jpeg;base64," in html
    assert not any(word in html for word in ("<script", "<link", 'src="http', "url(http"))
    assert html.count("<td class=") >= 3  # passes and failures are marked


def test_plots_are_drawn_where_there_are_curves(results: Results) -> None:
    pytest.importorskip("matplotlib", reason="needs the bench extra")
    drawn = plots(results, 5, [5])
    assert [title for title in drawn if "over steps" in title] == list(drawn)
    (svg,) = drawn.values()
    assert svg.startswith("<svg")
