"""Meta-training on tiny pictures: tasks, gradients, runs that learn, go on and make checkpoints."""

from __future__ import annotations

import csv
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.formats import BASE_FORMAT
from model.image.adaptation.level_renders import RenderBatch
from model.image.checkpoint import load_base, phi_shapes, save_base
from model.image.engine import Engine
from model.image.losses.objective import Objective
from model.image.media.splits import split_of
from model.image.network.networks import Networks
from model.image.pyramid import SIDES
from model.image.training.initialization import begin, calibrate
from model.image.training.learner import LevelTask
from model.image.training.level_tasks import LevelBatch, LevelTasks
from model.image.training.style_tasks import STORED_SIDE, PhotoSource, TaskConfig, TaskPool, load_work
from model.image.training.trainer import Run, TrainingConfig
from tests.model.conftest import SMALL, picture

SMALL_BATCHES = (
    LevelBatch(0.4, 2, 1),
    LevelBatch(0.2, 2, 1),
    LevelBatch(0.2, 1, 1, 48),
    LevelBatch(0.2, 1, 1, 48),
)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.image.training.level_tasks.BATCHES", SMALL_BATCHES)
    monkeypatch.setattr(
        "model.image.training.trainer.LONGEST_STEP", 0.5
    )  # on a busy machine too there are a few steps


@pytest.fixture
def config(folders: tuple[Path, Path], networks: Networks, tmp_path: Path) -> TrainingConfig:
    """Of the tiny networks, for a few seconds; the second half of the time has inner steps."""
    start = tmp_path / "start.safetensors"
    save_base(start, networks, {}, {})
    return TrainingConfig(
        styles=[folders[0]],
        contents=[folders[1]],
        out=tmp_path / "run",
        start=start,
        minutes=0.06,
        zero_step_share=0.5,
        inner_steps=2,
        lr=3e-3,
        tasks=TaskConfig(shots=(1, 2), pool=2, uses=50),
        device="cpu",
        save_seconds=0.5,
    )


def pool_of(config: TrainingConfig, objective: Objective) -> TaskPool:
    return TaskPool(config.styles, objective, config.tasks, random.Random(0))


def test_tasks_are_of_training_styles_and_judge_on_more_than_they_learn_from(
    config: TrainingConfig, objective: Objective
) -> None:
    pool = pool_of(config, objective)
    assert len(pool.names) == 10
    assert all(split_of(name) == "train" for name in pool.names)
    for _ in range(3):
        task = pool.draw()
        assert len(task.support) == len(task.query) == len(SIDES)
        for level in range(len(SIDES)):
            k, judged = (len(part[level].descriptions) for part in (task.support, task.query))
            assert 1 <= k <= 2 < judged <= k + 2
            assert torch.equal(task.descriptions(level), task.query[level].descriptions[:k])


def test_a_pool_keeps_the_latest_tasks(config: TrainingConfig, objective: Objective) -> None:
    pool = pool_of(config, objective)
    pool.fill(5)
    first, second = pool.tasks
    pool.refresh()
    assert len(pool.tasks) == 2
    assert pool.tasks[0] is second
    assert first not in pool.choose(5)
    assert len({id(task) for task in pool.choose(5)}) == 2


def test_folders_of_which_all_is_held_out_are_told(objective: Objective, tmp_path: Path) -> None:
    name = next(n for i in range(1000) if split_of(n := f"painter{i}") == "validation")
    (tmp_path / "styles" / name).mkdir(parents=True)
    picture(1).save(tmp_path / "styles" / name / "1.png")
    with pytest.raises(FileNotFoundError, match="every style is held out by its name"):
        TaskPool([tmp_path / "styles"], objective, TaskConfig(), random.Random(0))
    photo = next(n for i in range(1000) if split_of(n := f"{i}.png") == "test")
    (tmp_path / "photos").mkdir()
    picture(1).save(tmp_path / "photos" / photo)
    with pytest.raises(FileNotFoundError, match="every photo is held out by its name"):
        PhotoSource([tmp_path / "photos"], random.Random(0))


@pytest.mark.parametrize(("aspect", "shape"), [(1.0, (64, 64)), (4 / 3, (48, 64)), (3 / 4, (64, 48))])
def test_photos_are_one_picture_at_the_sizes_of_the_levels(
    config: TrainingConfig, aspect: float, shape: tuple[int, int]
) -> None:
    drawn = PhotoSource(config.contents, random.Random(0)).draw(2, 2, aspect)
    assert [tuple(x.shape) for x in drawn] == [(2, 3, shape[0] * n, shape[1] * n) for n in (1, 2, 4)]
    shrunk = torch.nn.functional.interpolate(drawn[2], shape, mode="area")
    assert float((shrunk - drawn[0]).abs().mean()) < 0.03


def tasks_of(run: Run) -> LevelTasks:
    rng = random.Random(0)
    pool = pool_of(run.config, run.objective)
    pool.fill(2)
    return LevelTasks(run.networks, run.objective, pool, PhotoSource(run.config.contents, rng), rng)


def fixed(tasks: LevelTasks, level: int) -> LevelTask:
    """The same photos at every step."""
    styles = tasks.pool.choose(SMALL_BATCHES[level].styles)
    support, query = (tasks.renders(level, styles, query=each) for each in (False, True))
    return LevelTask(level, styles, support, query)


@pytest.mark.parametrize("level", range(len(SIDES)))
def test_a_task_of_each_level_reaches_its_own_weights_and_rates(config: TrainingConfig, level: int) -> None:
    run = Run(config)
    task = fixed(tasks_of(run), level)
    outcome = run.loop.learner.meta_backward(task, scale=1.0, progress=1.0)
    assert set(outcome.query) == {0, 2}
    silent = {n for n, p in run.networks.named_parameters() if p.grad is None or not bool(p.grad.any())}
    others = {f"encoder.heads.{other}" for other in range(len(SIDES)) if other != level}
    assert {name.rsplit(".", 2)[0] for name in silent} == others
    down = run.networks.encoder.down.grad
    assert down is not None
    assert [bool(each.any()) for each in down] == [each == level for each in range(len(SIDES))]
    for at, rates in enumerate(run.rates):
        (log,) = rates.parameters()
        assert (log.grad is not None and bool((log.grad != 0).any())) == (at == level)


@pytest.mark.parametrize("progress", [0.0, 1.0])
def test_a_few_outer_steps_lower_the_loss_of_a_task(config: TrainingConfig, progress: float) -> None:
    run = Run(config)
    task = fixed(tasks_of(run), 0)
    steps = [run.loop.step([task], progress=0.3 * progress + 0.3) for _ in range(12)]
    assert steps[-1].loss < 0.9 * steps[0].loss
    assert not any(step.skipped for step in steps)


def test_support_and_query_are_parts_of_what_finer_levels_draw_on(config: TrainingConfig) -> None:
    tasks = tasks_of(Run(config))
    styles = tasks.pool.choose(1)
    renders: RenderBatch = tasks.renders(3, styles, query=True)
    assert renders.inputs.shape == (1, 3, 48, 48)
    assert renders.target.chosen.shape[:2] == (1, 12 * 12)
    assert renders.target.pooled is not None
    assert tasks.renders(0, styles, query=False).target.pooled is None


def everything(run: Run) -> dict[str, Tensor]:
    found = {f"networks/{k}": v for k, v in run.networks.state_dict().items()}
    found |= {f"average/{k}": v for k, v in run.average.items()}
    for level, rates in enumerate(run.rates):
        found |= {f"rates/{level}/{k}": v for k, v in rates.state_dict().items()}
    for index, entry in run.loop.state_dict()["optimizer"]["state"].items():
        found |= {f"optimizer/{index}/{k}": torch.as_tensor(v) for k, v in entry.items()}
    return found


def test_a_run_ends_goes_on_exactly_where_it_was_and_makes_a_checkpoint_that_engines_load(
    config: TrainingConfig,
) -> None:
    run = Run(config)
    begun = {name: value.clone() for name, value in everything(run).items()}
    assert run.train()
    assert run.loop.steps_done >= 1
    after = everything(run)
    moved = [name for name in begun if not torch.equal(begun[name], after[name])]
    assert any(name.startswith("networks/stylizer") for name in moved)
    assert any(name.startswith("average/") for name in moved)
    with (config.out / "log.csv").open() as file:
        rows = list(csv.reader(file))
    assert int(rows[-1][0]) == run.loop.steps_done
    assert sum(int(row[3]) for row in rows if row[2].endswith("after 0")) == run.loop.steps_done

    again = Run(replace(config, minutes=2 * config.minutes))
    assert again.loop.steps_done == run.loop.steps_done
    assert again.seconds == run.seconds
    torch.testing.assert_close(everything(again), after, rtol=0, atol=0)
    task = fixed(tasks_of(run), 0)
    outcomes = [each.loop.step([task], progress=0.5).loss for each in (run, again)]
    assert outcomes[0] == outcomes[1]
    torch.testing.assert_close(everything(again), everything(run), rtol=0, atol=0)

    path = again.export({"licence": "CC0-1.0"})
    base = load_base(path)
    assert set(base.rates) == {f"{n}/{name}" for n in range(4) for name in phi_shapes(base.networks)}
    assert all(value.shape == (2,) for value in base.rates.values())
    engine = Engine(base, torch.device("cpu"), SMALL, renderer="torch")
    style = engine.adapt([picture(1)], steps=4)
    assert style.header.licence == "CC0-1.0"
    assert style.header.losses["end"]["total"] <= 1
    assert engine.stylize(picture(2), style).size == picture(2).size


def test_a_deadline_ends_a_call_before_its_time(config: TrainingConfig) -> None:
    run = Run(config)
    assert not run.train(deadline=0.0)
    assert run.loop.steps_done == 0
    assert run.state_path.exists()


def test_the_average_follows_the_weights_slowly(config: TrainingConfig) -> None:
    run = Run(config)
    name = "stylizer.down1.weight"
    with torch.no_grad():
        run.networks.state_dict()[name].add_(1.0)
    before = run.average[name].clone()
    run.loop.steps_done = 10_000
    run._update_average()
    share = (run.average[name] - before).mean()
    assert float(share) == pytest.approx(1 - config.average, rel=1e-2)
    torch.testing.assert_close(run.averaged().state_dict()[name], run.average[name])


def test_rates_of_a_checkpoint_are_taken_whatever_their_number_of_steps(
    config: TrainingConfig, networks: Networks, tmp_path: Path
) -> None:
    shapes = phi_shapes(networks)
    stored = {f"{n}/{name}": torch.tensor([0.03, 0.02, 0.01]) for n in range(3) for name in shapes}
    path = tmp_path / "with-rates.safetensors"
    save_base(path, networks, stored, {})
    run = Run(replace(config, start=path))
    for level, rates in enumerate(run.rates):
        with torch.no_grad():
            found = [float(rates("color", step)) for step in range(2)]
        assert found == pytest.approx([0.03, 0.02] if level < 3 else [0.02, 0.02])


def test_a_checkpoint_of_one_pass_draws_as_it_did_at_every_level(networks: Networks, tmp_path: Path) -> None:
    """Its one head and directions become those of all levels."""
    path, old = tmp_path / "new.safetensors", tmp_path / "old.safetensors"
    save_base(path, networks, {}, {})
    tensors = load_file(path)
    one: dict[str, Tensor] = {}
    for name, value in tensors.items():
        parts = name.split(".")
        if parts[:2] == ["networks/encoder", "heads"]:
            if parts[2] == "1":
                one[".".join([parts[0], "head", *parts[3:]])] = value
        else:
            own = name.removeprefix("networks/encoder.")
            one[name] = value[1].contiguous() if own in ("down", "up", "center", "scale") else value
    with safe_open(path, framework="pt") as file:
        text = file.metadata()["fewstroke"].replace(BASE_FORMAT, "fewstroke-base/1")
    save_file(one, old, metadata={"fewstroke": text})
    begun, rates, _ = begin(old)
    assert rates == {}
    embedding = torch.randn(1, 16)
    with torch.no_grad():
        wanted = networks.encoder.decode(embedding, 1)
        for level in range(len(SIDES)):
            found = begun.encoder.decode(embedding, level)
            for name, value in wanted.items():
                torch.testing.assert_close(found[name], value, atol=2e-3, rtol=2e-3)


def test_calibration_makes_descriptions_of_a_level_standard(networks: Networks) -> None:
    torch.manual_seed(0)
    count = networks.encoder.center.shape[1]
    seen = [[3 * level + 2 * torch.randn(5, count) for _ in range(8)] for level in range(len(SIDES))]
    calibrate(networks, seen)
    encoder = networks.encoder
    for level, each in enumerate(seen):
        normal = (torch.cat(each) - encoder.center[level]) / encoder.scale[level]
        assert float(normal.mean()) == pytest.approx(0, abs=1e-3)
        assert float(normal.std()) == pytest.approx(1, abs=0.02)


def test_works_are_kept_small_and_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    picture(3, (1200, 600)).save(tmp_path / "turned.jpg", exif=exif)
    assert load_work(tmp_path / "turned.jpg").size == (STORED_SIDE // 2, STORED_SIDE)
