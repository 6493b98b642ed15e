"""Training on tiny pictures: each phase's gradients, resuming, and a whole run to a checkpoint that works."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from model.checkpoint import load_base, phi_shapes, save_base
from model.data.folders import to_tensor
from model.inner_rates import stored_rates
from model.networks import Networks, Objective
from model.style_encoder import EncoderConfig
from model.stylizer import StylizerConfig
from model.training.config import TrainingConfig
from model.training.continued import ContinuedTraining
from model.training.curves import draw_curves, read_log
from model.training.distill import TeacherPairs, distill_loss
from model.training.entry import config_for_minutes, meta_train
from model.training.meta import MetaTraining
from model.training.phases import usual_phases
from model.training.pools import PhotoPool
from model.training.pretrain import Pretraining
from model.training.run import Run, learning_rate
from model.training.state import ExponentialAverage, load_state, save_state
from model.training.widen import widened
from tests.model.conftest import picture


@pytest.fixture
def config(folders: tuple[Path, Path], tmp_path: Path) -> TrainingConfig:
    return TrainingConfig(
        styles=folders[0],
        contents=folders[1],
        out=tmp_path / "run",
        device="cpu",
        size=32,
        meta_size=32,
        batch=2,
        meta_batch=2,
        meta_steps=2,
        photos_in_pool=4,
        styles_in_pool=4,
        tasks_in_pool=3,
        fresh_photos=1,
        fresh_styles=1,
        checkpoint_seconds=0.5,
        validation_styles=1,
        continued_in_flight=3,
    )


def without_gradient(networks: Networks) -> list[str]:
    return [n for n, p in networks.named_parameters() if p.grad is None or not bool(p.grad.abs().sum() > 0)]


def test_pretraining_moves_every_weight_and_learns_one_batch(
    config: TrainingConfig, networks: Networks, objective: Objective
) -> None:
    torch.manual_seed(0)
    job = Pretraining(replace(config, fresh_photos=0, fresh_styles=0), objective, random.Random(0))
    job.photos.refresh(2)
    job.styles.refresh(2)
    job.photos.refresh = lambda count: None  # type: ignore[method-assign]
    job.styles.refresh = lambda count: None  # type: ignore[method-assign]
    optimizer = torch.optim.Adam(networks.parameters(), lr=3e-3)
    totals: list[float] = []
    for _ in range(12):
        job.prepare()
        losses = job.loss(networks)
        optimizer.zero_grad()
        losses["total"].backward()
        if not totals:
            assert without_gradient(networks) == []
        optimizer.step()
        totals.append(float(losses["total"].detach()))
    assert min(totals[-3:]) < 0.9 * totals[0]


def test_meta_loss_reaches_start_weights_and_rates(
    config: TrainingConfig, networks: Networks, objective: Objective
) -> None:
    torch.manual_seed(0)
    job = MetaTraining(config, networks, objective, random.Random(0))
    job.prepare()
    losses = job.meta_loss()
    losses["total"].backward()
    assert without_gradient(networks) == []
    (rates,) = job.rates.parameters()
    gradient = rates.grad
    assert gradient is not None
    assert bool((gradient.abs() > 0).all())  # each tensor's rate at each step matters for the query loss
    assert {"query0", "query2"} <= set(losses)


def test_continued_loops_teach_every_weight_and_walk_on(
    config: TrainingConfig, networks: Networks, objective: Objective
) -> None:
    torch.manual_seed(0)
    rates = stored_rates(phi_shapes(networks), {})
    settings = replace(config, continued_steps=3, continued_batch=2, continued_in_flight=2)
    job = ContinuedTraining(settings, networks, objective, random.Random(0), rates)
    job.fill()
    for step in range(3):
        losses = job.loss()
        networks.zero_grad()
        losses["total"].backward()
        assert without_gradient(networks) == []
        assert [loop.step for loop in job.loops.loops] == [step, step]
    with torch.no_grad():
        start = job.loops.start(job.loops.loops[0].task)
    moved = {
        name: float((value - start[name].detach()).abs().max())
        for name, value in job.loops.loops[0].params.items()
    }
    assert min(moved.values()) > 1e-3
    job.loss()
    assert [loop.step for loop in job.loops.loops] == [0, 0]  # two new tasks
    job.close()


def test_distillation_compares_the_same_crop_of_photo_and_target(
    config: TrainingConfig, networks: Networks, objective: Objective, tmp_path: Path
) -> None:
    """A teacher that returns the photo: photo crops and targets must then be the same pictures."""
    teacher = tmp_path / "teacher"
    teacher.mkdir()
    photos, styles = sorted(config.contents.iterdir()), sorted(config.styles.iterdir())
    rows = []
    for i in range(4):
        box = (10, 20, 74, 84)
        Image.open(photos[i]).crop(box).save(teacher / f"{i:05d}.jpg", quality=98)
        row = {"photo": photos[i].name, "photo_box": box, "style_box": (0, 0, 60, 60)}
        rows.append(row | {"style": f"{styles[i].name}/0.png"})
    (teacher / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pairs = TeacherPairs(replace(config, teacher=teacher), objective, random.Random(0))
    crops, descriptions, targets = pairs.batch(3)
    aligned = float((crops - targets).abs().mean())
    assert aligned < 0.5 * float((crops - targets.roll(2, dims=3)).abs().mean())
    losses = distill_loss(networks, objective, (crops, descriptions, targets))
    losses["total"].backward()
    assert without_gradient(networks) == []


def test_state_round_trip_continues_exactly(networks: Networks, tmp_path: Path) -> None:
    """Five steps in one go equal three steps, a restart, and two more."""

    def steps(
        module: Networks, optimizer: torch.optim.Optimizer, average: ExponentialAverage, which: range
    ) -> None:
        for i in which:
            torch.manual_seed(i)
            optimizer.zero_grad()
            sum((p * torch.randn_like(p)).sum() for p in module.parameters()).backward()  # type: ignore[union-attr]
            optimizer.step()
            average.update(module)

    def fresh() -> tuple[Networks, torch.optim.Optimizer, ExponentialAverage]:
        module = Networks(networks.stylizer.config, networks.encoder.config)
        module.load_state_dict(networks.state_dict())
        return module, torch.optim.Adam(module.parameters(), lr=0.1), ExponentialAverage(module, 0.5)

    whole = fresh()
    steps(*whole, range(5))
    first = fresh()
    steps(*first, range(3))
    path = tmp_path / "state.safetensors"
    save_state(path, {"networks": first[0]}, first[1], first[2], {"phase": 1, "seconds": 2.5, "step": 3})
    second = fresh()
    progress = load_state(path, {"networks": second[0]}, second[1], second[2])
    assert (progress["phase"], progress["seconds"], progress["step"]) == (1, 2.5, 3)
    steps(*second, range(3, 5))
    torch.testing.assert_close(dict(second[0].state_dict()), dict(whole[0].state_dict()))
    torch.testing.assert_close(second[2].values, whole[2].values)


def test_pool_replaces_the_oldest(objective: Objective) -> None:
    numbers = iter(range(100))
    pool = PhotoPool(lambda: picture(next(numbers), (32, 32)), objective, 3, random.Random(0))
    pool.refresh(3)
    first = pool.ring.tensors["images"].clone()
    pool.refresh(1)
    kept = [any(torch.equal(e, f) for e in pool.ring.tensors["images"]) for f in first]
    assert kept == [False, True, True]
    assert pool.batch(3).images.shape == (3, 3, 32, 32)
    pool.refresh(4)  # more than it holds: the last of them stay, in their turn
    photos = [to_tensor([picture(i, (32, 32))]) for i in (5, 6, 7)]
    held = pool.ring.tensors["images"]
    assert sorted(next(i for i, p in enumerate(photos) if torch.equal(e[None], p)) for e in held) == [0, 1, 2]


def test_widened_networks_are_the_same_function_and_learn(objective: Objective) -> None:
    torch.manual_seed(0)
    shape = StylizerConfig(half=8, width=12, blocks=2, rank=3, up_half=8, up_full=4)
    networks = Networks(shape, EncoderConfig(embedding=16, hidden=16))
    wide = widened(networks, 5)
    assert wide.stylizer.config.rank == 5
    works = objective.style_statistics(to_tensor([picture(i, (32, 32)) for i in range(2)]))
    photos = to_tensor([picture(9, (32, 32))])
    torch.testing.assert_close(
        wide(photos, wide.encoder(works)), networks(photos, networks.encoder(works)), atol=1e-6, rtol=1e-5
    )
    wide(photos, wide.encoder(works)).sum().backward()
    up = wide.encoder.up.grad
    assert up is not None
    assert bool((up[..., 3:].abs().sum((0, 1)) > 0).all())  # each new direction gets a say
    with pytest.raises(ValueError, match="it can grow"):
        widened(networks, 2)


def test_learning_rate_warms_up_and_falls() -> None:
    rates = [learning_rate(p / 100) for p in range(101)]
    assert rates[0] < 0.1 < rates[1]
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert rates[-1] == pytest.approx(0.05)


def test_minutes_are_shared_out() -> None:
    base = TrainingConfig(Path("a"), Path("b"), Path("c"))
    plain = config_for_minutes(base, 100)
    taught = config_for_minutes(replace(base, teacher=Path("t")), 100)
    for config in (plain, taught):
        assert config.distill_minutes + config.pretrain_minutes + config.meta_minutes == pytest.approx(100)
    assert plain.distill_minutes == 0 < taught.distill_minutes


def test_whole_run_ends_with_a_checkpoint_and_resumes(config: TrainingConfig) -> None:
    lines: list[str] = []
    short = replace(config, pretrain_minutes=0.03, meta_minutes=0.03, continued_minutes=0.02)
    path = meta_train(short, licence="CC0-1.0", report=lines.append)
    base = load_base(path)
    assert base.header["card"]["licence"] == "CC0-1.0"
    assert [row["step"] for row in base.header["card"]["validation"]] == [0, 1, 5, 10]
    assert set(base.rates) > {"color", "up2.gamma"}
    assert read_log(config.out / "log-continued.csv")["step"][-1] == base.header["card"]["steps"]
    assert any("checkpoint" in line for line in lines)
    seconds = read_log(config.out / "log-continued.csv")["seconds"][-1]
    more = replace(short, continued_minutes=(seconds + 1) / 60)
    again = meta_train(more, resume=True, licence="CC0-1.0", report=lines.append)
    assert load_base(again).header["card"]["steps"] > base.header["card"]["steps"]


def test_pretraining_from_a_checkpoint_keeps_its_inner_rates(config: TrainingConfig, tmp_path: Path) -> None:
    start = tmp_path / "start.safetensors"
    networks = Networks(config.stylizer, config.encoder)
    rates = {name: torch.tensor([0.01, 0.002]) for name in phi_shapes(networks)}
    save_base(start, networks, rates, {})
    run = Run(replace(config, start=start, pretrain_minutes=0.001, meta_minutes=0.0))
    run.train(usual_phases(run))
    torch.testing.assert_close(load_base(run.export({})).rates, rates)


def test_mamlpp_trains_on_when_it_weighs_fewer_inner_steps(config: TrainingConfig) -> None:
    """Its importances of the early steps go to zero half-way; their columns of the log stay empty then."""
    settings = replace(config, algorithm="maml++", zero_step_weight=None, meta_steps=3)
    run = Run(replace(settings, pretrain_minutes=0.0, meta_minutes=0.04))
    run.train(usual_phases(run))
    columns = read_log(config.out / "log-meta.csv")
    assert columns["seconds"][-1] == pytest.approx(60 * 0.04, rel=0.5)
    assert not {"query1", "query2"} & set(columns) or math.isnan(columns["query1"][-1])


def test_a_log_keeps_its_columns_when_losses_go(config: TrainingConfig) -> None:
    run = Run(config)
    run._log("meta", {"total": 1.0, "query1": 2.0, "query3": 3.0})
    run._log("meta", {"total": 1.5, "query3": 2.5})
    columns = read_log(config.out / "log-meta.csv")
    assert columns["query3"] == [3.0, 2.5]
    assert columns["query1"][0] == 2.0
    assert math.isnan(columns["query1"][1])


def test_curves_are_drawn_from_the_logs(tmp_path: Path) -> None:
    assert draw_curves(tmp_path) is None
    (tmp_path / "log-pretrain.csv").write_text("step,seconds,total\n20,10,3.0\n40,20,2.0\n")
    path = draw_curves(tmp_path)
    assert path is not None
    assert path.read_bytes().startswith(b"\x89PNG")
