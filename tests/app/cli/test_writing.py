import json

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.cli.common import ExitCode
from model.text.poems.checkpoint import load_poems
from model.text.poems.checks import faults
from model.text.poems.forms import regulated
from model.text.poems.poem import read_poems
from tests.model.text.conftest import make_poem, write_poems_checkpoint
from tests.model.text.documents import OLE, docx

run = CliRunner()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_poems_checkpoint(tmp_path_factory.mktemp("poems"))


@pytest.fixture(scope="module")
def style(tmp_path_factory, checkpoint):
    folder = tmp_path_factory.mktemp("examples")
    for number in range(2):
        (folder / f"{number}.txt").write_text(make_poem(number).written() + "\n", encoding="utf-8")
    output = folder / "poet.safetensors"
    arguments = ["adapt", str(folder), "-o", str(output), "--steps", "1", "--checkpoint", str(checkpoint)]
    done = run.invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    assert "style of 2 texts" in done.output
    return output


def test_poems_are_learned_and_written_into_files(tmp_path, style, checkpoint):
    done = run.invoke(
        cli,
        ["write", "-s", str(style), "--form", "七律", "--count", "2", "--script", "traditional", "-o",
         str(tmp_path / "poem.json"), "--checkpoint", str(checkpoint)],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["seed"] for line in told] == [0, 1]
    written = json.loads((tmp_path / "poem-2.json").read_text(encoding="utf-8"))
    (poem,) = read_poems(written["text"])
    assert faults(poem, regulated("qilu"), load_poems(checkpoint).alphabet) == []


def test_documents_are_texts_too_in_either_language(tmp_path, checkpoint):
    poems = tmp_path / "poems.docx"
    poems.write_bytes(docx(*(make_poem(number).written() for number in range(2))))
    old = tmp_path / "old.docx"
    old.write_bytes(OLE + bytes(600))
    style = str(tmp_path / "a.safetensors")
    arguments = ["adapt", "-o", style, "--steps", "1", "--checkpoint", str(checkpoint)]
    done = run.invoke(cli, [*arguments, str(poems)])
    assert done.exit_code == 0, done.output
    assert "style of 1 texts" in done.output
    done = run.invoke(cli, [*arguments, str(old)])
    assert done.exit_code == ExitCode.INPUT, done.output
    assert ".docx" in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--form", "sonnet"], "no form"),
        (["--script", "cursive"], "simplified or traditional"),
        (["--max-copied", "9"], "between 3 and 8"),
        (["--weights", "1,2"], "2 numbers for 1"),
        (["-o", "poem.docx"], ".txt"),
    ],
)
def test_wrong_options_are_refused_with_a_sentence(style, checkpoint, arguments, said):
    done = run.invoke(cli, ["write", "-s", str(style), "--checkpoint", str(checkpoint), *arguments])
    assert done.exit_code == ExitCode.INPUT, done.output
    assert said in done.output


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"\x7fELF\0\0", "binary"),
        ("床前看月光".encode("gb18030"), "UTF-8"),
        (b"word " * 1000, "repeats"),
        (b"a" * (5 * 2**20), "chapters"),
    ],
)
def test_files_that_are_no_texts_are_refused_with_a_sentence(tmp_path, data, said):
    (tmp_path / "bad.txt").write_bytes(data)
    done = run.invoke(cli, ["adapt", str(tmp_path / "bad.txt"), "-o", str(tmp_path / "out.safetensors")])
    assert done.exit_code == ExitCode.INPUT, done.output
    assert "bad.txt" in done.output
    assert said in done.output
    assert not (tmp_path / "out.safetensors").exists()
