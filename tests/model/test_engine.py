"""The engine with the shipped checkpoint: the real thing, at few steps and small sizes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from model.adaptation import AdaptConfig
from model.checkpoint import load_base
from model.engine import Engine
from model.errors import AdaptationCanceled, CheckpointMissingError, DeviceUnavailableError
from model.requests import Progress
from model.style import Style
from tests.model.conftest import DEMO

SMALL = AdaptConfig(steps=3, photos=2, size=64, bank=4, held_out=1, example_side=96)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load(device="cpu", config=SMALL)


@pytest.fixture(scope="module")
def examples() -> list[Image.Image]:
    return [Image.open(path).convert("RGB") for path in sorted((DEMO / "examples").glob("*.jpg"))[:3]]


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return Image.open(sorted((DEMO / "photos").glob("*.jpg"))[0]).convert("RGB").resize((120, 90))


@pytest.fixture(scope="module")
def style(engine: Engine, examples: list[Image.Image]) -> Style:
    return engine.adapt(examples, seed=1)


def difference(a: Image.Image, b: Image.Image) -> float:
    return float(np.abs(np.asarray(a, dtype=float) - np.asarray(b, dtype=float)).mean())


def test_adaptation_improves_on_the_zero_step_style(style: Style) -> None:
    start, end = style.header.losses["start"], style.header.losses["end"]
    assert style.header.steps > 0
    assert end["style"] < start["style"]
    assert end["total"] < start["total"]


@pytest.mark.parametrize(
    ("adapt", "header", "moved"),
    [
        (None, None, {"gamma", "beta"}),
        (None, ["color"], {"color"}),  # the checkpoint says what it was trained for
        (("*",), ["color"], {"gamma", "beta", "down", "up", "color"}),
    ],
)
def test_an_adaptation_moves_the_parts_that_it_is_for(
    examples: list[Image.Image],
    adapt: tuple[str, ...] | None,
    header: list[str] | None,
    moved: set[str],
) -> None:
    base = load_base()
    if header is not None:
        base.header["adapt"] = header
    engine = Engine(base, torch.device("cpu"), replace(SMALL, adapt=adapt), renderer="torch")
    start, end = engine.adapt(examples[:1], steps=0), engine.adapt(examples[:1], steps=3)
    assert end.header.steps > 0
    found = {name.rpartition(".")[2] for name in end.phi if not torch.equal(start.phi[name], end.phi[name])}
    assert found == moved


def test_result_moves_toward_the_palette_of_the_examples(
    engine: Engine, style: Style, examples: list[Image.Image], photo: Image.Image
) -> None:
    palette = np.mean([np.asarray(e.resize((32, 32)), dtype=float).mean((0, 1)) for e in examples], axis=0)

    def away(image: Image.Image) -> float:
        return float(np.linalg.norm(np.asarray(image, dtype=float).mean((0, 1)) - palette))

    assert away(engine.stylize(photo, style)) < 0.7 * away(photo)


def test_style_file_renders_the_same_picture(engine: Engine, style: Style, photo: Image.Image) -> None:
    again = Style.from_bytes(style.to_bytes(), base_hash=engine.base_hash)
    assert difference(engine.stylize(photo, style), engine.stylize(photo, again)) < 1.0
    assert len(style.to_bytes()) < 64_000


def test_strength_dial_goes_from_the_photo_to_the_style(
    engine: Engine, style: Style, photo: Image.Image
) -> None:
    full = engine.stylize(photo, style)
    gaps = [difference(engine.stylize(photo, style, strength=s), full) for s in (0.0, 0.5, 1.0)]
    assert gaps[0] > gaps[1] > gaps[2] == 0
    assert difference(engine.stylize(photo, style, strength=1.5), full) > 0


@pytest.mark.parametrize(("size", "expected"), [(None, (120, 90)), (60, (60, 45)), (500, (120, 90))])
def test_size_is_the_longer_side_and_never_upscales(
    engine: Engine, style: Style, photo: Image.Image, size: int | None, expected: tuple[int, int]
) -> None:
    assert engine.stylize(photo, style, size=size).size == expected


def test_progress_comes_at_every_step_with_previews_now_and_then(
    engine: Engine, examples: list[Image.Image], photo: Image.Image
) -> None:
    seen: list[Progress] = []
    engine.adapt(examples[:1], preview=photo, preview_every=2, on_progress=seen.append)
    assert [p.step for p in seen] == [0, 0, 1, 2, 3]
    assert [p.preview is not None for p in seen] == [True, False, False, True, True]
    assert [set(p.losses) for p in seen] == [set(), *[{"style", "content", "total"}] * 4]


def test_the_first_preview_waits_for_no_photo(
    engine: Engine, examples: list[Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    compute = engine.objective.content_targets

    def content_targets(photos: Tensor) -> dict[str, Tensor]:
        order.append("photos looked at")
        return compute(photos)

    monkeypatch.setattr(engine.objective, "content_targets", content_targets)
    engine.adapt(
        examples[:1],
        preview=examples[0],
        steps=1,
        seed=4711,  # of no adaptation before: the engine remembers photos by their seed
        on_progress=lambda now: order.append("preview" if now.preview else "step"),
    )
    assert order[0] == "preview"
    assert "photos looked at" in order[1:]


def test_photos_are_looked_at_once_and_the_style_is_the_same(
    examples: list[Image.Image], photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bundled photos of a seed, and the held-out ones; photos that somebody brings are looked at anew."""
    engine = Engine.load(device="cpu", renderer="torch")
    looks: list[int] = []
    compute = engine.objective.content_targets

    def content_targets(photos: Tensor) -> dict[str, Tensor]:
        looks.append(len(photos))
        return compute(photos)

    monkeypatch.setattr(engine.objective, "content_targets", content_targets)

    def adapted(seed: int, *contents: Image.Image) -> tuple[bytes, list[int]]:
        looks.clear()
        style = engine.adapt(examples[:1], steps=1, seed=seed, contents=contents).to_bytes()
        return style, looks.copy()

    first, looked = adapted(1)
    bank, judges = engine.config.bank, engine.config.held_out
    assert sorted(looked) == sorted([bank, judges])
    assert adapted(1) == (first, [])
    assert adapted(2)[1] == [bank]
    assert adapted(1, photo)[1] == [bank]  # not remembered for those who bring none
    assert adapted(1) == (first, [])


def test_grey_examples_leave_no_tint_whatever_photo_is_given(
    engine: Engine, examples: list[Image.Image], photo: Image.Image
) -> None:
    """A grey photo of the user's does not hide how colourful renders of others would be."""

    def tint(style: Style) -> float:
        pixels = np.asarray(engine.stylize(photo, style)).astype(int)
        return float((pixels.max(-1) - pixels.min(-1)).mean())

    grey = [example.convert("L") for example in examples]
    assert tint(engine.adapt(examples, steps=0)) > 20
    assert tint(engine.adapt(grey)) < 4
    own = engine.adapt(grey, steps=0, contents=[photo.convert("L")])
    assert all(torch.equal(value, own.phi[name]) for name, value in engine.adapt(grey, steps=0).phi.items())


def test_cancel_between_steps(engine: Engine, examples: list[Image.Image]) -> None:
    with pytest.raises(AdaptationCanceled):
        engine.adapt(examples[:1], should_stop=lambda: True)


@pytest.mark.parametrize("count", [0, 17])
def test_wrong_number_of_examples(engine: Engine, examples: list[Image.Image], count: int) -> None:
    with pytest.raises(ValueError, match="1 to 16"):
        engine.adapt(examples[:1] * count)


def test_missing_checkpoint_and_device_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CheckpointMissingError, match="meta-train"):
        Engine.load(tmp_path / "none.safetensors")
    with pytest.raises(DeviceUnavailableError, match="auto"):
        Engine.load(device="cuda:99")
    with pytest.raises(DeviceUnavailableError, match="auto"):
        Engine.load(device="toaster")


@pytest.mark.parametrize("controls", [{}, {"strength": 0.5, "preserve_color": True, "feather": 2.0}])
def test_a_narrow_photo_gets_a_picture_of_its_own(
    engine: Engine, style: Style, photo: Image.Image, controls: dict[str, Any]
) -> None:
    """Also under a mask; what was rendered before is not in it."""
    before = engine.stylize(photo, style)
    for size, result in (((2000, 40), (64, 1)), ((40, 2000), (1, 64)), ((3, 2), (3, 2))):
        narrow = photo.resize(size)
        made = engine.stylize(narrow, style, size=64, mask=Image.new("L", (8, 8), 255), **controls)
        assert made.size == result
        assert made.tobytes() != before.crop((0, 0, *result)).tobytes()
