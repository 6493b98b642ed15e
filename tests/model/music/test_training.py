import csv
from dataclasses import replace

import pytest
import torch

from model.errors import CheckpointFormatError
from model.music.checkpoint import load_music
from model.music.midi import write_midi
from model.music.training import CycleTasks, MusicTraining, MusicTrainingConfig
from model.music.works import HELD_OUT, VALIDATION, load_works, read_works, save_works, training_works
from tests.model.music.conftest import TINY, make_song, make_works


def config(tmp_path, **changes):
    settings = {
        "out": tmp_path / "run", "minutes": 0.02, "length": 96, "batch": 3, "stretches": 1, "inner_steps": 2,
        "network": TINY, "amp": False,
    }  # fmt: skip
    return MusicTrainingConfig(**{**settings, **changes})


def test_training_writes_a_checkpoint_and_goes_on_where_it_stood(tmp_path):
    first = MusicTraining(config(tmp_path), make_works())
    first.train()
    assert first.joint_steps > 0
    assert first.outer.steps_done > 0
    saved = load_music(tmp_path / "run" / "music.safetensors")
    torch.testing.assert_close(
        saved.phi["bias"], first.start.tensors()["bias"].detach(), atol=1e-3, rtol=1e-3
    )
    assert saved.header["card"]["joint_steps"] == first.joint_steps
    second = MusicTraining(config(tmp_path, minutes=0.04), make_works())
    assert (second.seconds, second.joint_steps) == (first.seconds, first.joint_steps)
    for name, value in first.network.state_dict().items():
        assert torch.equal(second.network.state_dict()[name], value)
    second.train()
    assert second.joint_steps + second.outer.steps_done > first.joint_steps + first.outer.steps_done
    with (tmp_path / "run" / "log.csv").open() as file:
        rows = list(csv.reader(file))
    assert {row[3] for row in rows} == {"joint", "query 0", "query 2"}


def test_the_checkpoint_before_meta_learning_is_kept(tmp_path):
    training = MusicTraining(config(tmp_path), make_works())
    training.train()
    card = load_music(tmp_path / "run" / "joint.safetensors").header["card"]
    assert card["joint_steps"] == training.joint_steps
    assert card["outer_steps"] == 0


def test_a_training_begins_from_a_checkpoint(tmp_path):
    first = MusicTraining(config(tmp_path, rate_scale=0.5), make_works())
    first.train()
    path = tmp_path / "run" / "music.safetensors"
    changes = {"out": tmp_path / "next", "rate_scale": 0.5, "seed": 1, "begin_from": path}
    second = MusicTraining(config(tmp_path, **changes), make_works())
    for name, value in first.network.state_dict().items():
        torch.testing.assert_close(second.network.state_dict()[name], value, atol=1e-3, rtol=1e-3)
    for name, value in first.start.tensors().items():
        torch.testing.assert_close(second.start.tensors()[name], value, atol=1e-3, rtol=1e-3)
        for step in range(2):
            torch.testing.assert_close(second.rates(name, step), first.rates(name, step))
    assert (second.seconds, second.joint_steps) == (0, 0)
    second.save()
    card = load_music(tmp_path / "next" / "music.safetensors").header["card"]
    assert card["begun_from"]["joint_steps"] == first.joint_steps


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    MusicTraining(config(tmp_path), make_works()).save()
    path = tmp_path / "run" / "music.safetensors"
    other = replace(TINY, width=2 * TINY.width)
    with pytest.raises(CheckpointFormatError, match="does not fit this training"):
        MusicTraining(config(tmp_path, out=tmp_path / "next", begin_from=path, network=other), make_works())


def test_a_folder_of_other_composers_is_not_gone_on_with(tmp_path):
    MusicTraining(config(tmp_path), make_works()).save()
    with pytest.raises(ValueError, match="other styles"):
        MusicTraining(config(tmp_path), make_works(("Ann", "Dee")))


def test_support_and_query_come_from_different_cycles(tmp_path):
    import random

    tasks = CycleTasks(make_works(songs=6), config(tmp_path), random.Random(0))
    for _ in range(20):
        for works in tasks.composers.values():
            support, query = tasks._divide(works)
            assert {w.cycle for w in support}.isdisjoint({w.cycle for w in query})
            assert support
            assert query


def test_composers_that_are_kept_apart_are_not_trained_on():
    works = make_works(("Ann", HELD_OUT[0], VALIDATION[0]))
    assert {work.composer for work in training_works(works)} == {"Ann"}
    assert set(HELD_OUT).isdisjoint(VALIDATION)


def test_works_are_read_from_folders_with_their_cycles(tmp_path):
    folder = tmp_path / "music" / "Ann"
    folder.mkdir(parents=True)
    (folder / "one.mid").write_bytes(write_midi(make_song(1)))
    (folder / "two.mid").write_bytes(write_midi(make_song(2)))
    (folder / "broken.mid").write_bytes(b"MThd")
    (tmp_path / "music.csv").write_text("file,title,set\nAnn/one.mid,First,Cycle\nAnn/two.mid,Second,\n")
    works = read_works(tmp_path / "music")
    assert [(w.title, w.cycle) for w in works] == [("First", "Cycle"), ("Second", "Second")]
    save_works(tmp_path / "works.npz", works)
    assert load_works(tmp_path / "works.npz") == works
