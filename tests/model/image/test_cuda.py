"""What is the same on a CUDA device as on the CPU, and in company as alone; where there is one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from benchmarks.gpu.cuda_graph import Replay
from model.image.engine import Engine
from model.image.engine_types import Rendering
from model.image.network.style_params import at_level
from model.image.style import Style
from model.modality import Learning
from tests.model.conftest import SMALL, picture

CUDA = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"))
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def engine_on(device: str) -> Engine:
    return Engine.load(device=device, config=SMALL, renderer="torch")


def distance(a: Image.Image, b: Image.Image) -> float:
    """Mean absolute distance in levels."""
    return float(np.abs(np.asarray(a, np.float32) - np.asarray(b, np.float32)).mean())


def style_of(engine: Engine) -> Style:
    return engine.adapt([picture(1), picture(2)], steps=0)


@pytest.mark.parametrize("device", [CUDA])
def test_renders_as_the_cpu_does(device: str) -> None:
    here, there = engine_on("cpu"), engine_on(device)
    style = style_of(here)
    photo = picture(5, (160, 120))
    assert distance(here.stylize(photo, style), there.stylize(photo, style)) < 1.5
    zero = style_of(there)
    for name, value in style.phi.items():
        torch.testing.assert_close(zero.phi[name], value, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_many_styles_in_one_pass_are_those_one_by_one(device: str) -> None:
    engine = engine_on(device)
    style = style_of(engine)
    styles = [Style({k: v * (1 + 0.05 * i) for k, v in style.phi.items()}, style.header) for i in range(3)]
    wanted = [Rendering(picture(10 + i, (128, 96)), each) for i, each in enumerate(styles)]
    for one, together in zip(wanted, engine.stylize_many(wanted), strict=True):
        assert distance(engine.stylize(one.photo, one.style), together) < 1.0


@needs_cuda
def test_adapts_together_as_alone() -> None:
    """On the CPU: ``test_engine_batches``."""
    engine = engine_on("cuda")
    requests = [Learning([picture(10 * i), picture(10 * i + 1)], seed=i) for i in range(2)]
    for request, style in zip(requests, engine.adapt_many(requests, steps=4), strict=True):
        assert isinstance(style, Style)
        alone = engine.adapt(request.examples, steps=4, seed=request.seed)
        photo = picture(3, (96, 96))
        assert distance(engine.stylize(photo, alone), engine.stylize(photo, style)) < 2.5
        assert style.header.losses["end"]["total"] <= style.header.losses["start"]["total"]


@needs_cuda
def test_a_replay_is_the_function() -> None:
    engine = engine_on("cuda")
    phi = {name: value.cuda() for name, value in at_level(style_of(engine).phi, 2).items()}
    names = list(phi)

    def forward(photos: Tensor, *values: Tensor) -> tuple[Tensor]:
        with torch.no_grad(), engine.objective.autocast():
            return (engine.base.networks(photos, dict(zip(names, values, strict=True))),)

    replay = Replay(forward, [torch.rand(1, 3, 64, 64, device="cuda"), *phi.values()])
    for seed in range(2):
        torch.manual_seed(seed)
        photos = torch.rand(1, 3, 64, 64, device="cuda")
        other = {name: value * (1 + 0.1 * seed) for name, value in phi.items()}
        expected = forward(photos, *other.values())[0]
        torch.testing.assert_close(replay(photos, *other.values())[0], expected, rtol=0, atol=0.02)
