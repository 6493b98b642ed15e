"""The campaign: calls that stop and go on, stages that share a schedule, and what is logged."""

from __future__ import annotations

import csv
import random
import time
from dataclasses import replace
from functools import partialmethod
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from model.checkpoint import load_base
from model.critic import Critic, CriticConfig
from model.maml import Order
from model.networks import Networks, Objective
from model.phi import NORMALIZATION
from model.style_encoder import EncoderConfig
from model.stylizer import StylizerConfig
from model.training.augment import SMOOTH_SHARE
from model.training.campaign import AGAIN, STAGES, campaign, main, phases_of
from model.training.config import TrainingConfig
from model.training.meta import FELL_BACK, MetaTraining
from model.training.phases import Job, Phase
from model.training.pretrain import Pretraining
from model.training.run import Run
from model.training.throughput import query_smi

TINY = StylizerConfig(half=8, width=16, blocks=1, rank=2, up_half=8, up_full=8)


@pytest.fixture
def config(folders: tuple[Path, Path], tmp_path: Path) -> TrainingConfig:
    return TrainingConfig(
        styles=folders[0],
        contents=folders[1],
        out=tmp_path / "run",
        device="cpu",
        stylizer=TINY,
        encoder=EncoderConfig(embedding=16, hidden=16),
        size=32,
        meta_size=32,
        batch=2,
        meta_batch=2,
        meta_steps=2,
        photos_in_pool=4,
        styles_in_pool=4,
        tasks_in_pool=2,
        fresh_photos=1,
        fresh_styles=1,
        palette_share=1.0,
        mix_share=0.5,
        validation_styles=1,
        critic=0.1,
        second_order_from=2 / 3,
    )


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_calls_go_on_where_the_last_one_stopped(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deadline that has passed: one step a call. Then the rest in one go."""
    few = partialmethod(Pretraining.calibrate, works=16)  # 256 works would tell this test no more
    monkeypatch.setattr(Pretraining, "calibrate", few)
    said: list[str] = []
    steps = []
    for _ in range(2):
        finished = campaign(
            config, sizes=(32, 40, 48), minutes=0.02, deadline=time.monotonic(), report=said.append
        )
        assert not finished
        steps.append(int(said[-1].split()[1].rstrip(",")))
    assert steps == [1, 2]
    assert not (config.out / "base.safetensors").exists()
    others: list[tuple[TrainingConfig, tuple[int, ...]]] = [
        (config, (32, 40, 40)),
        (replace(config, weights=replace(config.weights, patches=20.0)), (32, 40, 48)),
        (replace(config, noise=0.04), (32, 40, 48)),
    ]
    for other, sizes in others:
        with pytest.raises(ValueError, match="another --out"):
            campaign(other, sizes=sizes, minutes=0.02, report=said.append)
    assert campaign(config, sizes=(32, 40, 48), minutes=0.02, report=said.append)
    base = load_base(config.out / "base.safetensors")
    assert base.critic is not None
    assert {"color", "critic.weight"} <= set(base.rates)
    assert base.header["card"]["steps"] > 2
    assert [row["step"] for row in rows(config.out / "validation.csv")] == ["0", "1", "5", "10"]
    stages = [row["stage"] for row in rows(config.out / "throughput.csv")]
    assert {"1-pretrain-32", "6-meta-48"} <= set(stages)
    assert all(float(row["renders_per_second"]) > 0 for row in rows(config.out / "throughput.csv"))
    before = (config.out / "base.safetensors").stat().st_mtime_ns
    card = load_base(config.out / "base.safetensors").header["card"]
    assert sum(card["minutes"]) == pytest.approx(0.02, abs=0.01)
    assert {phase["name"].split("-")[1] for phase in card["phases"]} == {"pretrain", "meta"}
    assert campaign(config, sizes=(32, 40, 48), minutes=0.02, report=said.append)  # nothing is left to do
    assert (config.out / "base.safetensors").stat().st_mtime_ns == before


def test_minutes_and_schedules_add_up(config: TrainingConfig) -> None:
    for teacher in (None, Path("teacher")):
        phases = phases_of(Run(replace(config, teacher=teacher)), (32, 40, 48), 100)
        assert sum(phase.minutes for phase in phases) == pytest.approx(100)
    for kind in ("pretrain", "meta"):
        spans = [stage.span for stage in STAGES if stage.kind == kind]
        assert spans[0][0] == 0
        assert spans[-1][1] == 1
        assert all(a[1] == b[0] for a, b in pairwise(spans))


def test_long_loops_are_a_stage_of_their_own_when_asked_for(config: TrainingConfig) -> None:
    usual = phases_of(Run(config), (32, 40, 48), 100)
    longer = phases_of(Run(replace(config, continued_minutes=7)), (32, 40, 48), 100)
    assert [phase.name for phase in longer[:-1]] == [phase.name for phase in usual]
    assert (longer[-1].name, longer[-1].minutes) == (f"{len(usual)}-continued-32", 7)


def test_second_order_comes_last_and_gives_way_when_it_is_undefined(
    config: TrainingConfig, networks: Networks, objective: Objective
) -> None:
    job = MetaTraining(replace(config, critic=0.0), networks, objective, random.Random(0))
    job.prepare(0.1)
    job.meta_loss(0.1)
    orders = [job.order]
    assert job.fall_back() is None  # nothing to give up
    job.prepare(0.9)
    losses = job.meta_loss(0.9)
    orders.append(job.order)
    losses["total"].backward()
    gradients = [p.grad for p in [*networks.parameters(), *job.rates.parameters()] if p.grad is not None]
    assert all(bool(torch.isfinite(g).all()) for g in gradients)
    said = job.fall_back()
    assert said is not None
    assert said.endswith(FELL_BACK)
    job.prepare(0.9)
    job.meta_loss(0.9)
    assert [*orders, job.order] == [Order.FIRST, Order.SECOND, Order.FIRST]


def test_a_recorded_step_has_no_weights_that_move(
    config: TrainingConfig, networks: Networks, objective: Objective
) -> None:
    """A graph keeps the numbers that it was recorded with."""
    plain = replace(config, critic=0.0)
    steady = MetaTraining(plain, networks, objective, random.Random(0))
    assert steady.prepare(0.1) == Order.FIRST
    annealed = MetaTraining(replace(plain, zero_step_weight=None), networks, objective, random.Random(0))
    assert annealed.prepare(0.1) is None


def test_undefined_gradients_are_skipped_noted_and_rescued(config: TrainingConfig) -> None:
    run = Run(replace(config, critic=0.0, start=None))
    before = {name: value.clone() for name, value in run.networks.named_parameters()}
    rescued: list[str] = []

    def loss(done: float) -> dict[str, Tensor]:
        total = sum((p.sum() for p in run.networks.parameters()), torch.zeros(()))
        return {"total": total * float("nan")}

    def rescue() -> str | None:
        rescued.append("yes")
        run.progress.seconds = 1e9  # end the phase
        return f"undefined second-order gradients: {FELL_BACK}"

    phase = Phase("broken", 1.0, 1e-3, lambda notes: Job(loss, 1, rescue=rescue))
    assert run.train([phase])
    assert rescued == ["yes"]
    assert all(torch.equal(value, before[name]) for name, value in run.networks.named_parameters())
    assert run.progress.notes == [f"step 2: undefined second-order gradients: {FELL_BACK}"]
    assert FELL_BACK in (config.out / "notes.log").read_text()
    again = Run(replace(config, critic=0.0))
    again.train([], resume=True)
    assert again.progress.notes == run.progress.notes  # later calls know, too


def test_meta_loss_reaches_the_critic_and_its_head(
    config: TrainingConfig, networks: Networks, objective: Objective
) -> None:
    critic = Critic(CriticConfig(width=8, embedding=16))
    job = MetaTraining(config, networks, objective, random.Random(0), critic=critic)
    assert job.prepare(0.0) is None  # a critic's task is not recorded
    job.meta_loss(0.0)["total"].backward()
    weights = [p for p in critic.parameters() if p.ndim > 1]
    assert all(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in weights)
    assert {"critic.weight", "critic.bias"} <= set(job.learner.adapted)
    modules: dict[str, nn.Module] = job.modules
    assert set(modules) == {"rates"}


@pytest.fixture
def options(folders: tuple[Path, Path], tmp_path: Path) -> list[str]:
    return ["--styles", str(folders[0]), "--contents", str(folders[1]), "--out", str(tmp_path / "o")]


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[TrainingConfig]:
    """What campaigns were begun with, and none was."""
    given: list[TrainingConfig] = []

    def begin(config: TrainingConfig, **_: object) -> bool:
        given.append(config)
        return True

    monkeypatch.setattr("model.training.campaign.campaign", begin)
    return given


@pytest.mark.parametrize(("words", "moved"), [([], NORMALIZATION), (["--adapt", "all"], ("*",))])
def test_inner_loops_move_what_is_served_unless_asked_otherwise(
    options: list[str], begun: list[TrainingConfig], words: list[str], moved: tuple[str, ...]
) -> None:
    assert main([*options, *words]) == 0
    assert begun[0].adapt == moved


def test_smooth_photos_come_with_the_term_of_single_places(
    options: list[str], begun: list[TrainingConfig]
) -> None:
    main(options)
    main([*options, "--patches", "20"])
    assert [(config.weights.patches, config.smooth_share) for config in begun] == [(0, 0), (20, SMOOTH_SHARE)]


def test_noise_is_asked_for(options: list[str], begun: list[TrainingConfig]) -> None:
    main(options)
    main([*options, "--noise", "0.04"])
    assert [config.noise for config in begun] == [0.0, 0.04]


def test_command_says_what_is_wrong(options: list[str], tmp_path: Path, capsys) -> None:
    assert main([*options, "--sizes", "100,200"]) == 2
    assert "--sizes" in capsys.readouterr().err
    assert main([*options[:1], str(tmp_path / "none"), *options[2:]]) == 2
    assert "style folders" in capsys.readouterr().err
    assert AGAIN not in (0, 1, 2)


def test_no_program_no_figures(tmp_path: Path) -> None:
    assert query_smi(None, 0) == ("", "")
    assert query_smi(str(tmp_path / "absent"), 0) == ("", "")
    fake = tmp_path / "smi"
    fake.write_text("#!/bin/sh\necho '87, 40960'\n")
    fake.chmod(0o755)
    assert query_smi(str(fake), 0) == ("87", "40960")
