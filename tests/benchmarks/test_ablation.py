"""The ablation: every variant goes through the project's own training, and nothing is done twice."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.ablation.judge import Judge, Judged, Protocol, split_artists
from benchmarks.ablation.report import markdown
from benchmarks.ablation.train import configure, outer_steps, train
from benchmarks.ablation.variants import TABLES, VARIANTS, chosen
from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.selection import Artist
from model.adaptation import AdaptConfig
from model.checkpoint import load_base, save_base
from model.critic import Critic, CriticConfig
from model.maml import Order
from model.networks import Networks, Objective
from model.style_encoder import EncoderConfig
from model.stylizer import StylizerConfig
from model.training.config import TrainingConfig
from model.training.meta import MetaTraining
from tests.model.conftest import folders, objective  # noqa: F401 - fixtures


@pytest.fixture
def common(folders: tuple[Path, Path], tmp_path: Path) -> TrainingConfig:  # noqa: F811
    torch.manual_seed(0)
    shape = StylizerConfig(half=8, width=16, blocks=1, rank=2, up_half=8, up_full=8)
    networks = Networks(shape, EncoderConfig(embedding=16, hidden=16))
    start = tmp_path / "start.safetensors"
    save_base(start, networks, {}, {"minutes": [0, 1, 0]})
    return TrainingConfig(
        styles=folders[0],
        contents=folders[1],
        out=tmp_path / "cache",
        start=start,
        device="cpu",
        size=32,
        meta_size=32,
        batch=2,
        meta_batch=2,
        meta_steps=2,
        photos_in_pool=4,
        styles_in_pool=4,
        tasks_in_pool=2,
        sample_seconds=1e9,
    )


@pytest.fixture
def artists(folders: tuple[Path, Path]) -> list[Artist]:  # noqa: F811
    groups = sorted(path for path in folders[0].iterdir())
    works = [sorted(group.iterdir()) for group in groups]
    return [Artist(g.name, tuple(w[:2]), tuple(w[2:])) for g, w in zip(groups, works, strict=True)]


@pytest.mark.parametrize(
    "key", ["maml", "fomaml", "reptile", "anil", "meta-sgd", "maml++", "phi-last", "critic"]
)
def test_each_variant_is_the_algorithm_that_it_names(
    common: TrainingConfig,
    objective: Objective,  # noqa: F811
    key: str,
) -> None:
    """By what its meta-loss reaches: rates, parts of phi, derivatives."""
    variant = VARIANTS[key]
    config = configure(common, variant, 1.0)
    assert config.start is not None
    shape = replace(load_base(config.start).networks.stylizer.config, last_convolution=key == "phi-last")
    networks = Networks(shape, EncoderConfig(embedding=16, hidden=16))
    critic = Critic(CriticConfig(width=8, embedding=16)) if variant.critic else None
    job = MetaTraining(config, networks, objective, random.Random(0), critic=critic)
    job.prepare(0.9)
    losses = job.meta_loss(0.9)
    losses["total"].backward()
    second = {"maml", "anil", "meta-sgd", "maml++"}
    assert job.order is (Order.NONE if key == "reptile" else Order.SECOND if key in second else Order.FIRST)
    learned = [p for p in job.rates.parameters() if p.grad is not None and bool(p.grad.abs().sum() > 0)]
    assert bool(learned) == (key in {"meta-sgd", "maml++", "phi-last", "critic"})
    assert ("block0.up" in job.learner.adapted) == (key != "anil")
    assert ("out.delta" in job.learner.adapted) == (key == "phi-last")
    assert ("critic.weight" in job.learner.adapted) == (key == "critic")
    for parameter in networks.parameters():
        assert parameter.grad is None or bool(torch.isfinite(parameter.grad).all())


def test_trained_once_judged_once_and_reported(common: TrainingConfig, artists: list[Artist]) -> None:
    pytest.importorskip("efficientnet_lite_pytorch", reason="needs the bench extra")
    selection, report = split_artists(artists, 1, 2, 0)
    assert not {a.name for a in selection} & {a.name for a in report}
    photos = sorted(common.contents.iterdir())[:1]
    protocol = Protocol(selection, report, photos, 2, 1, (1.0, 3.0), size=64, example_side=64)
    judge = Judge(protocol, "cpu")
    adapt = AdaptConfig(photos=2, size=32, bank=2, held_out=1, example_side=32)
    rows: dict[str, Judged] = {}
    for key in ("none", "meta-sgd"):
        variant = VARIANTS[key]
        config = configure(common, variant, 0.01)
        path = train(config, variant)
        stamp = path.stat().st_mtime_ns
        rows[key] = judge.judge(variant, path, adapt)
        assert train(config, variant).stat().st_mtime_ns == stamp
        assert judge.judge(variant, path, adapt) == rows[key]
        assert rows[key].outer_steps >= 1
        assert rows[key].scale == float(min(rows[key].grid, key=lambda s: rows[key].grid[s]))
        assert len(rows[key].end["eff_unseen"]) == 2
        assert rows[key].end != rows[key].start
    page = markdown(
        {
            "minutes_each": 0.01,
            "start": {"sha256": "0" * 64, "remark": ""},
            "protocol": protocol.describe(),
            "machine": {"processor": "p", "cores": 1},
            "device": "cpu",
        },
        rows,
    )
    assert "Meta-SGD" in page
    assert page.count("\n| ") == 3  # a heading and two rows
    assert configure(common, VARIANTS["none"], 0.02).out != configure(common, VARIANTS["none"], 0.01).out


def test_the_first_row_is_the_start_as_it_is(common: TrainingConfig) -> None:
    """What every variant must be better than, if its training was good for anything."""
    variant = VARIANTS["start"]
    path = train(configure(common, variant, 1.0), variant)
    assert common.start is not None
    assert path.read_bytes() == common.start.read_bytes()
    assert outer_steps(path) == 0


def test_tables_and_choices_name_variants() -> None:
    assert {key for keys in TABLES.values() for key in keys} == set(VARIANTS)
    assert [variant.key for variant in chosen("maml, none")] == ["maml", "none"]
    with pytest.raises(BenchmarkError, match="no variants magic"):
        chosen("magic")
