import json

import pytest
from typer.testing import CliRunner

from app.cli import cli
from model.music.checks import problems
from model.music.midi import write_midi
from model.music.musicxml import write_musicxml
from model.music.reading import read_work
from tests.model.music.conftest import checkpoint, make_song  # noqa: F401

runner = CliRunner()


@pytest.fixture
def songs(tmp_path):
    (tmp_path / "one.mid").write_bytes(write_midi(make_song(1)))
    (tmp_path / "two.musicxml").write_bytes(write_musicxml(make_song(2)))
    return [tmp_path / "one.mid", tmp_path / "two.musicxml"]


def test_works_are_learned_from_and_a_song_comes_out(tmp_path, songs, checkpoint):  # noqa: F811
    style, song = tmp_path / "mine.safetensors", tmp_path / "song.mid"
    options = ["--checkpoint", str(checkpoint)]
    learned = runner.invoke(cli, ["adapt", *map(str, songs), "-o", str(style), "--steps", "1", *options])
    assert learned.exit_code == 0, learned.output
    made = runner.invoke(
        cli,
        ["compose", "-s", str(style), "-o", str(song), "-o", str(song.with_suffix(".json")), "--bars", "4",
         "--key", "Bb minor", "--seed", "3", *options],
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    assert told["key"] == "Bb minor"
    assert told["originality"]["training"]["longest"] <= 11
    score = read_work(song.read_bytes())
    assert problems(score, bars=4) == []
    assert len(json.loads(song.with_suffix(".json").read_text())["notes"]) == len(score.notes)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [(b"MThd" + bytes(20), "A good example is"), (b"ID3" + bytes(40), "is a recording")],
)
def test_a_bad_work_is_named_with_a_sentence(tmp_path, checkpoint, data, sentence):  # noqa: F811
    bad = tmp_path / "bad.mid"
    bad.write_bytes(data)
    style = str(tmp_path / "mine.safetensors")
    failed = runner.invoke(cli, ["adapt", str(bad), "-o", style, "--checkpoint", str(checkpoint)])
    assert failed.exit_code == 3
    said = " ".join(failed.output.split())
    assert "bad.mid" in said
    assert sentence in said


def test_what_cannot_be_composed_is_a_wrong_input(tmp_path, songs, checkpoint):  # noqa: F811
    style = tmp_path / "mine.safetensors"
    options = ["--checkpoint", str(checkpoint)]
    runner.invoke(cli, ["adapt", str(songs[0]), "-o", str(style), "--steps", "0", *options])
    for arguments in (["--key", "H"], ["--meter", "11/8"], ["--infill", "1-2"], ["--weights", "1,2"]):
        failed = runner.invoke(cli, ["compose", "-s", str(style), "-o", "x.mid", *arguments, *options])
        assert failed.exit_code == 3, failed.output
    failed = runner.invoke(cli, ["compose", "-s", str(style), "-o", "x.doc", *options])
    assert failed.exit_code == 3
