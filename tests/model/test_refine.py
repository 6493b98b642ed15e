"""Going on from a checkpoint: both kinds of samples teach, the rates stay, a stopped run goes on."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from model.adaptation import AdaptConfig
from model.checkpoint import load_base, save_base
from model.networks import Networks, Objective
from model.perceptual.statistics import StyleStatistics
from model.style_encoder import describe
from model.training.config import TrainingConfig
from model.training.pools import unflatten
from model.training.pretrain import Pretraining
from model.training.refine import CONTENT, PATCHES, SeveralWorks, configure, main, refine


@pytest.fixture
def config(folders: tuple[Path, Path], networks: Networks, tmp_path: Path) -> TrainingConfig:
    start = tmp_path / "start.safetensors"
    save_base(start, networks, {"color": torch.tensor([0.25, 0.5])}, {}, adapt=("color",))
    given = TrainingConfig(
        styles=folders[0],
        contents=folders[1],
        out=tmp_path / "run",
        start=start,
        size=32,
        pretrain_minutes=0.02,
    )
    return replace(configure(given, renders=4), photos_in_pool=4, styles_in_pool=4, tasks_in_pool=3)


def test_judged_by_the_loss_of_adaptations(config: TrainingConfig) -> None:
    assert config.weights == replace(AdaptConfig().weights, content=CONTENT, patches=PATCHES)


def test_a_single_work_counts_as_in_an_adaptation_to_one_example(
    config: TrainingConfig, networks: Networks, objective: Objective
) -> None:
    found = []
    for lenient in (False, True):
        torch.manual_seed(0)
        job = Pretraining(replace(config, uncertain_works=lenient), objective, random.Random(0))
        job.fill()
        job.prepare()
        found.append(job.loss(networks))
    strict, uncertain = found
    assert uncertain["gram"].item() < 0.9 * strict["gram"].item()
    torch.testing.assert_close(uncertain["covariance"], strict["covariance"])
    assert config.uncertain_works


def test_several_works_are_averaged_as_in_an_adaptation_and_compared_with_all_of_the_task(
    config: TrainingConfig, networks: Networks, objective: Objective
) -> None:
    photos = Pretraining(config, objective, random.Random(0))
    photos.fill()
    job = SeveralWorks(config, objective, random.Random(0), photos.photos)
    entry = job.source.draw()
    job.tasks.add(entry)
    found = job.tasks.ring.take(torch.tensor([0]))
    works: StyleStatistics = entry.support.statistics
    assert len(works) > 1
    expected = networks.encoder.together(works)
    torch.testing.assert_close(networks.encoder.average(found["descriptions"], found["present"]), expected)
    assert found["descriptions"].shape[1] > len(describe(works))  # padded, and the padding does not count
    target = unflatten(found, "target.")
    count, queries = len(works), len(entry.query.statistics)
    for layer, mean in target.mean.items():
        both = (count * works.mean[layer].mean(0) + queries * entry.query.statistics.mean[layer].mean(0)) / (
            count + queries
        )
        torch.testing.assert_close(mean[0], both)
    assert all(bool((scatter > 0).all()) for scatter in target.scatter.values())


def test_several_works_teach_every_weight(
    config: TrainingConfig, networks: Networks, objective: Objective
) -> None:
    torch.manual_seed(0)
    photos = Pretraining(config, objective, random.Random(0))
    photos.fill()
    job = SeveralWorks(config, objective, random.Random(0), photos.photos)
    job.prepare()
    job.loss(networks)["total"].backward()
    untaught = [
        n for n, p in networks.named_parameters() if p.grad is None or not bool(p.grad.abs().sum() > 0)
    ]
    assert untaught == []


def test_goes_on_from_the_checkpoint_and_keeps_its_rates(config: TrainingConfig) -> None:
    assert config.start is not None
    path = refine(config)
    before, after = load_base(config.start), load_base(path)
    torch.testing.assert_close(after.rates["color"], before.rates["color"])
    assert after.header["card"]["start"] == before.hash
    assert after.header["card"]["minutes"] == [0, 0.02, 0]
    assert after.adapt == before.adapt == ("color",)
    moved = [
        not torch.equal(a, b)
        for a, b in zip(before.networks.parameters(), after.networks.parameters(), strict=True)
    ]
    assert all(moved)
    again = refine(config)  # finished: nothing is trained any more
    assert again == path
    assert load_base(again).header["card"]["steps"] == after.header["card"]["steps"]


def test_another_run_in_the_same_folder_is_refused(config: TrainingConfig) -> None:
    path = refine(config)
    trained = path.read_bytes()
    with pytest.raises(
        ValueError, match=r"noise 0\.0, seed 0; this call has noise 0\.04, seed 1: use another"
    ):
        refine(replace(config, noise=0.04, seed=1))
    assert path.read_bytes() == trained


def test_command_says_what_is_wrong(folders: tuple[Path, Path], tmp_path: Path, capsys) -> None:
    options = ["--styles", str(folders[0]), "--contents", str(folders[1]), "--out", str(tmp_path / "o")]
    assert main([*options, "--size", "100"]) == 2
    assert "--size" in capsys.readouterr().err
    assert main([*options, "--start", str(tmp_path / "none.safetensors")]) == 2
    assert "none.safetensors" in capsys.readouterr().err
