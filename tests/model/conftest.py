"""Small pictures, the perceptual network and a tiny stylizer for the tests of the model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from model.image.adaptation.config import AdaptConfig, LevelConfig
from model.image.losses.objective import Objective
from model.image.losses.perceptual_network import PerceptualNetwork
from model.image.media.splits import split_of
from model.image.network.networks import Networks
from model.image.network.style_encoder import EncoderConfig
from model.image.network.stylizer import StylizerConfig

PICTURES = Path(__file__).parents[2] / "app/studio/pictures"
SMALL = AdaptConfig(
    steps=8,
    bank=2,
    held_out=1,
    levels=(LevelConfig(2, 64), LevelConfig(1, 64), LevelConfig(1, 48), LevelConfig(1, 48)),
)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Tensors here are small: more threads wait for each other, on a busy machine for minutes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def picture(seed: int, size: tuple[int, int] = (96, 80)) -> Image.Image:
    """A picture of coloured blobs: another palette and another texture for each seed."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)).resize(
        size, Image.Resampling.BICUBIC
    )
    grain = rng.normal(0, 4 + 20 * rng.random(), (size[1], size[0], 3))
    return Image.fromarray((np.asarray(coarse) + grain).clip(0, 255).astype(np.uint8))


def _names(form: str, **wanted: int) -> list[str]:
    """The first names of a form that fall into each split, as many as wanted."""
    found = (form.format(i) for i in range(1000))
    left = dict(wanted)
    names = []
    for name in found:
        if left.get(split_of(name), 0):
            left[split_of(name)] -= 1
            names.append(name)
    return names


@pytest.fixture(scope="session")
def objective() -> Objective:
    """The perceptual network in float32."""
    torch.manual_seed(0)
    return Objective(PerceptualNetwork(), amp=False)


def tiny_networks() -> Networks:
    """A tiny stylizer with its encoder, always the same."""
    torch.manual_seed(0)
    stylizer = StylizerConfig(half=8, width=16, blocks=2, rank=2, up_half=8, up_full=8)
    return Networks(stylizer, EncoderConfig(embedding=16, hidden=16)).eval()


@pytest.fixture
def networks() -> Networks:
    return tiny_networks()


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Style folders (12 groups of 4 works) and a photo folder (20 photos) of tiny pictures.

    The split goes by name: names are taken so that validation gets two groups and four photos.
    """
    styles, contents = tmp_path / "styles", tmp_path / "contents"
    contents.mkdir()
    for group, name in enumerate(_names("group_{}", train=10, validation=2)):
        (styles / name).mkdir(parents=True)
        for work in range(4):
            picture(100 * group + work).save(styles / name / f"{work}.png")
    for photo, name in enumerate(_names("{}.png", train=16, validation=4)):
        picture(5000 + photo, (90, 110)).save(contents / name)
    return styles, contents
