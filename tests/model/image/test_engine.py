"""The engine with the shipped checkpoint: the real thing, at few steps and small sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from model.errors import AdaptationCanceled, CheckpointMissingError, DeviceUnavailableError
from model.image.dials import Dials
from model.image.engine import Engine
from model.image.style import Style
from model.modality import Progress
from tests.model.conftest import PICTURES, SMALL, picture


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load(device="cpu", config=SMALL)


@pytest.fixture(scope="module")
def examples() -> list[Image.Image]:
    paths = sorted((PICTURES / "examples").glob("*.jpg"))[:3]
    works = [Image.open(path).convert("RGB") for path in paths]
    for work in works:
        work.thumbnail((256, 256))
    return works


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return Image.open(sorted((PICTURES / "photos").glob("*.jpg"))[0]).convert("RGB").resize((120, 90))


@pytest.fixture(scope="module")
def style(engine: Engine, examples: list[Image.Image]) -> Style:
    return engine.adapt(examples, seed=1)


def difference(a: Image.Image, b: Image.Image) -> float:
    return float(np.abs(np.asarray(a, dtype=float) - np.asarray(b, dtype=float)).mean())


def test_adaptation_improves_on_the_zero_step_style(style: Style) -> None:
    assert style.header.losses["start"] == {"total": 1.0}
    assert style.header.steps > 0
    assert style.header.losses["end"]["total"] < 0.99


def test_style_file_renders_the_same_picture(engine: Engine, style: Style, photo: Image.Image) -> None:
    again = Style.from_bytes(style.to_bytes(), base_hash=engine.base_hash)
    assert difference(engine.stylize(photo, style), engine.stylize(photo, again)) < 1.0
    assert len(style.to_bytes()) <= 150_000


def test_a_seed_gives_the_same_style_again(engine: Engine, examples: list[Image.Image]) -> None:
    """Whatever was learned between, on the bundled photos or on photos that somebody brings."""

    def adapted(seed: int, *contents: Image.Image) -> bytes:
        return engine.adapt(examples[:1], steps=4, seed=seed, contents=contents).to_bytes()

    first = adapted(1)
    assert adapted(2) != first
    assert adapted(1, picture(5, (150, 100))) != first
    assert adapted(3) != first, "a third seed: the photos cut for the first one are not kept"
    assert adapted(1) == first


def test_result_moves_toward_the_palette_of_the_examples(
    engine: Engine, style: Style, examples: list[Image.Image], photo: Image.Image
) -> None:
    palette = np.mean([np.asarray(e.resize((32, 32)), dtype=float).mean((0, 1)) for e in examples], axis=0)

    def away(image: Image.Image) -> float:
        return float(np.linalg.norm(np.asarray(image, dtype=float).mean((0, 1)) - palette))

    assert away(engine.stylize(photo, style)) < 0.7 * away(photo)


@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
@pytest.mark.parametrize(
    "controls",
    [
        {},
        {"preserve_color": True},
        {"mask": Image.linear_gradient("L"), "feather": 3.0},
        {"abstraction": 1.0, "stroke_size": 2.0},
    ],
    ids=lambda controls: ", ".join(controls) or "plain",
)
def test_no_strength_is_the_photo_bit_for_bit(
    engine: Engine, style: Style, photo: Image.Image, mode: str, controls: dict[str, Any]
) -> None:
    given = photo.convert(mode)
    found = engine.stylize(given, style, strength=0, **controls)
    assert found.mode == "RGB"
    assert found.tobytes() == given.convert("RGB").tobytes()
    if "mask" in controls:
        found = engine.stylize(given, style, strength=0, outside=style, **controls)
        assert found.tobytes() == given.convert("RGB").tobytes()


def test_strength_goes_from_the_photo_to_the_style_and_beyond(
    engine: Engine, style: Style, photo: Image.Image
) -> None:
    full = engine.stylize(photo, style)
    gaps = [difference(engine.stylize(photo, style, strength=s), full) for s in (0.0, 0.5, 1.0)]
    assert gaps[0] > gaps[1] > gaps[2] == 0
    assert difference(engine.stylize(photo, style, strength=1.5), full) > 1


def test_abstraction_and_the_size_of_strokes_change_the_picture(engine: Engine, style: Style) -> None:
    photo = picture(4, (192, 128))
    plain = engine.stylize(photo, style)
    changes: list[dict[str, Any]] = [{"abstraction": a} for a in (0.0, 1.0)]
    changes += [{"stroke_size": s} for s in (0.5, 2.0)]
    for changed in changes:
        found = engine.stylize(photo, style, **changed)
        assert found.size == photo.size
        assert difference(found, plain) > 1, changed
    near, far = (engine.stylize(photo, style, abstraction=a) for a in (0.0, 1.0))
    assert difference(near, photo) < difference(far, photo)


@pytest.mark.parametrize(("size", "expected"), [(None, (120, 90)), (60, (60, 45)), (500, (120, 90))])
def test_size_is_the_longer_side_and_never_upscales(
    engine: Engine, style: Style, photo: Image.Image, size: int | None, expected: tuple[int, int]
) -> None:
    assert engine.stylize(photo, style, size=size).size == expected


@pytest.mark.parametrize("size", [(640, 480), (641, 480), (1500, 700)])
def test_large_photos_come_back_at_their_size_with_their_own_detail(
    engine: Engine, style: Style, size: tuple[int, int]
) -> None:
    """Drawn on 512 pixels beyond 640; what lies below a pixel of the drawing comes from the photo."""
    photo = picture(6, size)
    found = engine.stylize(photo, style)
    assert found.size == size

    def fine(image: Image.Image) -> float:
        small = image.resize((size[0] // 3, size[1] // 3), Image.Resampling.LANCZOS)
        return difference(image, small.resize(size, Image.Resampling.BICUBIC))

    assert fine(found) > 0.5


def test_progress_comes_at_every_step_with_previews_now_and_then(
    engine: Engine, examples: list[Image.Image], photo: Image.Image
) -> None:
    seen: list[Progress] = []
    engine.adapt(examples[:1], steps=5, preview=photo, preview_every=2, on_progress=seen.append)
    assert [p.step for p in seen] == [0, 0, 0, 1, 2, 3, 4, 5]
    assert {p.steps for p in seen} == {5}
    assert [p.preview.size if p.preview else None for p in seen] == [
        (64, 48),  # the zero-step style, level by level
        (120, 90),
        None,
        None,
        (120, 90),
        None,
        (120, 90),
        (120, 90),
    ]
    assert [set(p.losses) for p in seen] == [set(), set(), *[{"total"}] * 6]
    totals = [p.losses["total"] for p in seen[2:]]
    assert totals[0] == 1.0
    assert totals == sorted(totals, reverse=True)


@pytest.mark.parametrize(("side", "previews"), [(40, 1), (200, 3), (900, 3)])
def test_first_previews_are_one_a_level_up_to_256_pixels(
    engine: Engine, examples: list[Image.Image], side: int, previews: int
) -> None:
    seen: list[Progress] = []
    engine.adapt(examples[:1], steps=0, preview=picture(3, (side, side)), on_progress=seen.append)
    sizes = [p.preview.size for p in seen if p.preview is not None]
    assert len(sizes) == previews
    assert sizes == sorted(sizes)
    assert sizes[-1] == (min(side, 256),) * 2


def test_the_first_preview_waits_for_no_photo(
    engine: Engine, examples: list[Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    look = engine.objective.network.vgg.forward

    def forward(*given: Any) -> Any:
        order.append("looked")
        return look(*given)

    monkeypatch.setattr(engine.objective.network.vgg, "forward", forward)
    engine.adapt(
        examples[:1],
        preview=examples[0],
        steps=1,
        on_progress=lambda now: order.append("preview" if now.preview else "step"),
    )
    assert order.index("preview") <= 4, "one example in four turns, at one level"
    assert order.index("step") > order.index("preview")


def test_cancel_between_steps(engine: Engine, examples: list[Image.Image]) -> None:
    asked: list[None] = []

    def third_time() -> bool:
        asked.append(None)
        return len(asked) == 3

    with pytest.raises(AdaptationCanceled, match="after 2 steps"):
        engine.adapt(examples[:1], should_stop=third_time)


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
    for size, result in (((2000, 40), (64, 1)), ((40, 2000), (1, 64)), ((3, 2), (3, 2)), ((1, 1), (1, 1))):
        narrow = photo.resize(size)
        made = engine.stylize(narrow, style, size=64, mask=Image.new("L", (8, 8), 255), **controls)
        assert made.size == result
        assert made.tobytes() != before.crop((0, 0, *result)).tobytes()


def test_defaults_are_those_of_the_dials(engine: Engine, style: Style, photo: Image.Image) -> None:
    dials = Dials()
    said = engine.stylize(
        photo,
        style,
        strength=dials.strength,
        abstraction=dials.abstraction,
        stroke_size=dials.stroke_size,
    )
    assert said.tobytes() == engine.stylize(photo, style).tobytes()
