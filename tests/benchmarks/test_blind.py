"""Blind sheets: sides by lot, a key apart, no name on what a judge sees, and counts that follow the key."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.blind.command import BlindOptions, write_blind
from benchmarks.evaluation.blind.counts import ALL, Share, agreement, count, count_forms
from benchmarks.evaluation.blind.pairs import Comparison, Key, Pair, draw_lots
from benchmarks.evaluation.blind.sheets import sheet, write_pairs
from benchmarks.evaluation.blind.verdicts import Grade, Side, Verdict, read_form, write_form
from benchmarks.evaluation.options import Options
from benchmarks.evaluation.sources import Record, parse_method

STYLES = ("engraver", "painter")
PHOTOS = ("a", "b", "c", "d")


def noise(seed: int, size: tuple[int, int] = (48, 36)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture
def selection(tmp_path: Path) -> Options:
    """Two styles with exactly as many works as there are examples, and four photos."""
    for index, style in enumerate(STYLES):
        (tmp_path / "styles" / style).mkdir(parents=True)
        for work in range(3):
            noise(100 * index + work).save(tmp_path / "styles" / style / f"{work}.png")
    (tmp_path / "photos").mkdir()
    for index, photo in enumerate(PHOTOS):
        noise(50 + index).save(tmp_path / "photos" / f"{photo}.png")
    return Options(
        styles=tmp_path / "styles",
        contents=tmp_path / "photos",
        groups=None,
        ks=(3,),
        size=40,
        photos=4,
    )


def options(tmp_path: Path, *methods: str, name: str = "pairs") -> BlindOptions:
    first, second = methods
    return BlindOptions(
        (first, second), tmp_path / name, tmp_path / f"{name}-key.json", tmp_path / "pictures"
    )


def comparisons(styles: int = 8, photos: int = 8) -> list[Comparison]:
    return [
        Comparison(f"style {i}", str(j), (Path("x"), Path("y"))) for i in range(styles) for j in range(photos)
    ]


def test_lots_are_even_in_every_style_and_follow_the_seed() -> None:
    lots = draw_lots(comparisons(), 1)
    assert sorted((c.style, c.photo) for c, _ in lots) == sorted((c.style, c.photo) for c in comparisons())
    assert Counter((c.style, swapped) for c, swapped in lots) == {
        (f"style {i}", swapped): 4 for i in range(8) for swapped in (True, False)
    }
    assert lots == draw_lots(comparisons(), 1)
    assert lots != draw_lots(comparisons(), 2)
    assert [c for c, _ in lots] != comparisons()


def test_an_odd_number_of_photos_favours_no_side_for_certain() -> None:
    extra = {sum(swapped for _, swapped in draw_lots(comparisons(1, 3), seed)) for seed in range(20)}
    assert extra == {1, 2}


def test_what_the_judge_gets_names_no_method_and_the_key_is_true(tmp_path: Path, selection: Options) -> None:
    asked = options(tmp_path, "photo", "color")
    files = write_blind(asked, selection, lambda _: None)
    assert [path for path in files if asked.pairs not in path.parents] == [
        asked.key,
        tmp_path / "pairs-overview.jpg",
    ]
    given = [path for path in asked.pairs.rglob("*") if path.is_file()]
    assert {path.name for path in given} >= {"index.html", "pairs.json", "verdicts.csv", "001.png", "008.png"}
    for path in given:
        assert not {"photo", "color"} & set(path.relative_to(asked.pairs).as_posix().split("/"))
        if path.suffix != ".png":
            assert "color" not in path.read_text()
            assert "engraver" not in path.read_text()
        else:
            with Image.open(path) as picture:
                assert picture.info == {}
    key = Key.read(asked.key)
    assert key.methods == ("photo", "color")
    assert {pair.style for pair in key.pairs} == set(STYLES)
    for pair in key.pairs:
        assert {pair.left, pair.right} == {"photo", "color"}
        for side in Side:
            shown = Image.open(asked.pairs / "pictures" / f"{pair.pair:03}-{side}.png")
            made = asked.results / getattr(pair, side) / pair.style / f"{pair.photo}.png"
            assert np.array_equal(np.asarray(shown), np.asarray(Image.open(made)))
    assert json.loads((asked.pairs / "pairs.json").read_text())["set"] == key.set


def test_results_are_kept_and_rendered_once(
    tmp_path: Path, selection: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_blind(options(tmp_path, "photo", "color"), selection, lambda _: None)

    def not_again(*_: object) -> None:
        raise AssertionError("rendered again")

    monkeypatch.setattr("benchmarks.evaluation.renderings.ColorTransfer.render", not_again)
    write_blind(options(tmp_path, "photo", "color", name="again"), selection, lambda _: None)
    assert Key.read(tmp_path / "again-key.json").pairs == Key.read(tmp_path / "pairs-key.json").pairs
    noise(7).save(selection.contents / "a.png")  # another photo under the same name
    with pytest.raises(AssertionError, match="rendered again"):
        write_blind(options(tmp_path, "photo", "color", name="third"), selection, lambda _: None)


def test_pictures_never_stand_under_the_record_of_others(
    tmp_path: Path, selection: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = options(tmp_path, "photo", "color")
    write_blind(asked, selection, lambda _: None)
    kept = {path: path.read_bytes() for path in (asked.results / "color").rglob("*.png")}
    other = replace(selection, size=20)
    written = Record.write

    def interrupted_once_it_has_a_photo(record: Record, folder: Path) -> None:
        if record.photos:
            raise KeyboardInterrupt
        written(record, folder)

    with monkeypatch.context() as patched:
        patched.setattr(Record, "write", interrupted_once_it_has_a_photo)
        with pytest.raises(KeyboardInterrupt):
            write_blind(options(tmp_path, "color", "photo", name="b"), other, lambda _: None)
    write_blind(options(tmp_path, "photo", "color", name="c"), selection, lambda _: None)
    assert {path: path.read_bytes() for path in kept} == kept


def test_a_folder_of_earlier_results_is_a_method(tmp_path: Path, selection: Options) -> None:
    for style in STYLES:
        folder = tmp_path / "earlier" / style
        folder.mkdir(parents=True)
        for photo in PHOTOS:
            Image.new("RGB", (80, 60), "red").save(folder / f"{photo}.jpg")
    write_blind(options(tmp_path, f"old={tmp_path / 'earlier'}", "photo"), selection, lambda _: None)
    key = Key.read(tmp_path / "pairs-key.json")
    assert key.methods == ("old", "photo")
    for pair in key.pairs:
        side = "left" if pair.left == "old" else "right"
        with Image.open(tmp_path / "pairs" / "pictures" / f"{pair.pair:03}-{side}.png") as shown:
            assert shown.size == (40, 30)  # as small as the other one: size tells nothing
            assert shown.getpixel((20, 15))[0] > 240  # type: ignore[index]


def test_a_folder_made_from_other_examples_is_refused(tmp_path: Path, selection: Options) -> None:
    write_blind(options(tmp_path, "photo", "color"), selection, lambda _: None)
    earlier = tmp_path / "pictures" / "color"
    noise(999).save(selection.styles / "painter" / "1.png")
    with pytest.raises(BenchmarkError, match="other examples"):
        write_blind(options(tmp_path, f"old={earlier}", "photo", name="b"), selection, lambda _: None)


def test_missing_results_are_named(tmp_path: Path, selection: Options) -> None:
    (tmp_path / "earlier").mkdir()
    with pytest.raises(BenchmarkError, match="old has no result"):
        write_blind(options(tmp_path, f"old={tmp_path / 'earlier'}", "photo"), selection, lambda _: None)


def test_nothing_is_overwritten_and_the_key_stays_apart(tmp_path: Path, selection: Options) -> None:
    asked = options(tmp_path, "photo", "color")
    inside = BlindOptions(asked.methods, asked.pairs, asked.pairs / "key.json", asked.results)
    with pytest.raises(BenchmarkError, match="keep the key apart"):
        write_blind(inside, selection, lambda _: None)
    write_blind(asked, selection, lambda _: None)
    with pytest.raises(BenchmarkError, match="choose another --key"):
        write_blind(asked, selection, lambda _: None)
    asked.key.unlink()
    with pytest.raises(BenchmarkError, match="choose another --pairs"):
        write_blind(asked, selection, lambda _: None)


def test_pixels_are_all_that_is_left_of_a_result(tmp_path: Path) -> None:
    told = PngImagePlugin.PngInfo()
    told.add_text("Software", "method A")
    for name in ("a", "b"):
        noise(1).save(tmp_path / f"{name}.png", pnginfo=told, icc_profile=b"profile of A")
    pair = Comparison("s", "p", (tmp_path / "a.png", tmp_path / "b.png"))
    write_pairs(tmp_path / "pairs", [(pair, False)], {"s": [noise(2)]}, ("A", "B"), {})
    for path in (tmp_path / "pairs" / "pictures").iterdir():
        with Image.open(path) as picture:
            assert picture.info == {}


def test_results_of_other_proportions_are_refused(tmp_path: Path) -> None:
    noise(1).save(tmp_path / "a.png")
    noise(1, (48, 48)).save(tmp_path / "b.png")
    pair = Comparison("s", "p", (tmp_path / "a.png", tmp_path / "b.png"))
    with pytest.raises(BenchmarkError, match="other proportions"):
        write_pairs(tmp_path / "pairs", [(pair, False)], {"s": [noise(2)]}, ("A", "B"), {})


def test_a_sheet_shows_examples_above_and_both_results_on_their_sides() -> None:
    red, green, blue = (Image.new("RGB", (60, 40), color) for color in ("red", "lime", "blue"))
    page = np.asarray(sheet(3, [red, red], green, blue)).astype(int)
    where = {}
    for name, color in {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255)}.items():
        rows, columns = np.nonzero((abs(page - color) < 4).all(axis=2))
        where[name] = (rows.min(), rows.max(), columns.min(), columns.max(), len(rows))
    assert where["red"][1] < where["lime"][0] == where["blue"][0]  # above
    assert where["lime"][3] < where["blue"][2]  # left of the right one
    assert where["lime"][4] == where["blue"][4] == 480 * 320  # large, in their proportions


def test_many_wide_examples_stay_on_the_sheet() -> None:
    wide = [Image.new("RGB", (200, 50), "red")] * 8
    page = np.asarray(sheet(1, wide, noise(1), noise(2))).astype(int)
    red = np.asarray((abs(page - (255, 0, 0)) < 4).all(axis=2))
    runs = np.diff(red[red.any(axis=1)][0].astype(int))
    assert (runs == 1).sum() == 8
    assert not red[:, -16:].any()


def key_of(*pairs: Pair) -> Key:
    return Key("set", ("ours", "theirs"), pairs, {})


def test_counts_follow_the_key_to_the_method_whatever_its_side() -> None:
    key = key_of(
        Pair(1, "s", "a", "ours", "theirs"), Pair(2, "s", "b", "theirs", "ours"),
        Pair(3, "t", "a", "theirs", "ours"), Pair(4, "t", "b", "ours", "theirs"),
    )  # fmt: skip
    verdicts = [
        Verdict(2, Side.RIGHT, Grade.UGLY, Grade.STYLE),
        Verdict(1, Side.LEFT, Grade.STYLE, Grade.FILTER),
        Verdict(3, Side.LEFT, Grade.STYLE, Grade.FILTER),
    ]
    counts = count(verdicts, key)
    assert counts.missing == 1
    assert [str(counts.preferred(style, "ours"))[:3] for style in ("s", "t", ALL)] == ["2/2", "0/1", "2/3"]
    assert counts.preferred(ALL, "theirs") == Share(1, 3)
    assert counts.graded(ALL, "ours", Grade.STYLE) == Share(2, 3)
    assert counts.graded("t", "ours", Grade.FILTER) == Share(1, 1)
    assert counts.graded(ALL, "theirs", Grade.UGLY) == Share(1, 3)
    assert "| in all | 2/3 = 67% (21% to 94%) |" in counts.markdown()


def test_a_judge_with_a_favourite_side_favours_no_method() -> None:
    lots = draw_lots(comparisons(), 5)
    pairs = [
        Pair(i, c.style, c.photo, *(("theirs", "ours") if swapped else ("ours", "theirs")))
        for i, (c, swapped) in enumerate(lots, start=1)
    ]
    verdicts = [Verdict(pair.pair, Side.LEFT, Grade.FILTER, Grade.FILTER) for pair in pairs]
    assert count(verdicts, key_of(*pairs)).preferred(ALL, "ours") == Share(32, 64)


@pytest.mark.parametrize(
    ("successes", "total", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0)],
)
def test_wilson_intervals(successes: int, total: int, low: float, high: float) -> None:
    assert Share(successes, total).interval() == pytest.approx((low, high), abs=5e-5)


def test_wilson_bounds_are_where_the_share_is_just_in_doubt() -> None:
    for bound in Share(27, 64).interval():
        assert abs(27 / 64 - bound) / (bound * (1 - bound) / 64) ** 0.5 == pytest.approx(1.959964)


def test_wilson_intervals_hold_the_truth_as_often_as_they_say() -> None:
    drawn = random.Random(0)
    held = 0
    for _ in range(2000):
        low, high = Share(sum(drawn.random() < 0.8 for _ in range(64)), 64).interval()
        held += low <= 0.8 <= high
    assert 0.93 < held / 2000 < 0.97


def test_forms_are_read_with_short_words_and_empty_lines(tmp_path: Path) -> None:
    form = tmp_path / "verdicts.csv"
    write_form(form, [1, 2, 3])
    assert read_form(form) == []
    form.write_text("\ufeffpair,preferred,left_grade,right_grade\r\n1, LEFT,Style,mild filter\r\n2,,,\r\n")
    assert read_form(form) == [Verdict(1, Side.LEFT, Grade.STYLE, Grade.FILTER)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "first line must be pair,preferred"),
        ("pair,left\n1,left", "first line must be pair,preferred"),
        ("{head}\n1,both,ugly,ugly", "line 2: preferred is left or right, not 'both'"),
        ("{head}\n1,left,ugly,", "line 2: a grade is in the style, mild filter, ugly, not ''"),
        ("{head}\n1,left,ugly,ugly\n1,left,ugly,ugly", "line 3: pair 1 was judged before"),
        ("pair,preferred\n1,left,ugly,ugly", "line 2: a line is pair,preferred, the pair"),
        ("{head}\none,left,ugly,ugly", "line 2: a line is pair,preferred"),
    ],
)
def test_forms_that_mean_nothing_are_refused(tmp_path: Path, text: str, said: str) -> None:
    form = tmp_path / "verdicts.csv"
    form.write_text(text.format(head="pair,preferred,left_grade,right_grade"))
    with pytest.raises(BenchmarkError, match=said):
        read_form(form)


def test_a_form_of_another_set_or_an_empty_one_is_refused() -> None:
    key = key_of(Pair(1, "s", "a", "ours", "theirs"))
    with pytest.raises(BenchmarkError, match="the key has no pair 2"):
        count([Verdict(2, Side.LEFT, Grade.UGLY, Grade.UGLY)], key)
    with pytest.raises(BenchmarkError, match="nothing was judged"):
        count([], key)


def test_two_judges_are_counted_apart_and_compared(tmp_path: Path) -> None:
    key_of(Pair(1, "s", "a", "ours", "theirs"), Pair(2, "s", "b", "theirs", "ours")).write(tmp_path / "key")
    forms = [tmp_path / "first.csv", tmp_path / "second.csv"]
    for form, second in zip(forms, ("left", "right"), strict=True):
        form.write_text(f"pair,preferred,left_grade,right_grade\n1,left,ugly,ugly\n2,{second},ugly,ugly\n")
    text = count_forms(forms, tmp_path / "key")
    assert "| in all | 1/2 = 50%" in text
    assert "| in all | 2/2 = 100%" in text
    assert "prefer the same result: 1/2" in text
    assert "| in all | 3/4 = 75%" in text  # both together


def test_agreement_is_on_pairs_that_both_judged() -> None:
    first = [Verdict(n, Side.LEFT, Grade.UGLY, Grade.UGLY) for n in (1, 2, 3)]
    second = [Verdict(n, Side.LEFT, Grade.STYLE, Grade.UGLY) for n in (2, 3, 4)]
    assert agreement([first, second]) == Share(2, 2)
    third = [Verdict(n, Side.RIGHT, Grade.UGLY, Grade.UGLY) for n in (2, 4)]
    assert agreement([first, second, third]) == Share(2, 5)  # pair 2: 1 of 3, pair 3: 1 of 1, pair 4: 0 of 1


def test_methods_by_name(tmp_path: Path) -> None:
    assert parse_method("ours:steps=0,k=1").settings == {"steps": "0", "k": "1"}
    assert parse_method("ours:steps=0,k=1").slug == "ours-steps-0-k-1"
    assert parse_method(f"old={tmp_path}").name == "old"
    for text, said in {
        "gatys": "knows no 'gatys'",
        "ours:size=3": "ours knows no 'size'",
        "ours:k=one": "k takes a whole number",
        "magenta:k=1": "knows no 'magenta:k=1'",
        f"old={tmp_path / 'none'}": "is no folder",
    }.items():
        with pytest.raises(BenchmarkError, match=said):
            parse_method(text)


def test_a_key_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="cannot be read"):
        Key.read(tmp_path / "none.json")
    (tmp_path / "key.json").write_text("[]")
    with pytest.raises(BenchmarkError, match="is no key"):
        Key.read(tmp_path / "key.json")
