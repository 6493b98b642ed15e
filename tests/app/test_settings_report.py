"""The configuration: environment over file over defaults, documented, and shown without secrets."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.cli.service import _log
from app.errors import ConfigError
from app.settings import Settings, load_settings
from app.settings_report import effective, page, remarks, unknown_variables

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Write the file that FEWSTROKE_CONFIG names."""

    def write(text: str) -> Path:
        path = tmp_path / "any.toml"
        path.write_text(text)
        monkeypatch.setenv("FEWSTROKE_CONFIG", str(path))
        return path

    return write


def test_the_page_is_what_the_code_says() -> None:
    assert DOCUMENT.read_text() == page(), "run: fewstroke config --table > docs/configuration.md"


def test_every_setting_is_described() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert "|" not in field.description, name


def test_the_file_is_read_and_the_environment_wins(write, monkeypatch: pytest.MonkeyPatch) -> None:
    write('port = 1234\nmax_steps = 7\nnats_url = "nats://file"\ncors_origins = ["https://a.example"]\n')
    monkeypatch.setenv("FEWSTROKE_MAX_STEPS", "8")
    settings = load_settings()
    assert (settings.port, settings.max_steps, settings.nats_url) == (1234, 8, "nats://file")
    assert settings.cors_origins == ("https://a.example",)
    monkeypatch.setenv("NATS_URL", "nats://environment")
    assert load_settings().nats_url == "nats://environment"
    assert load_settings(port=9).port == 9
    sources = {name: row["source"] for name, row in effective(load_settings()).items()}
    assert sources["port"] == "file"
    assert sources["max_steps"] == "FEWSTROKE_MAX_STEPS"
    assert sources["nats_url"] == "NATS_URL"
    assert sources["host"] == "default"


def test_a_file_where_the_process_starts_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings().max_steps == 100
    (tmp_path / "fewstroke.toml").write_text("\ufeffmax_steps = 5\r\n")  # as Windows writes it
    assert load_settings().max_steps == 5


def spoil_mode(path: Path) -> None:
    path.chmod(0o666)


def spoil_owner(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(path, 65534, 65534)


@pytest.mark.parametrize("spoil", [spoil_mode, spoil_owner])
def test_a_file_of_somebody_else_is_not_obeyed_unless_it_is_named(
    spoil: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "fewstroke.toml"
    file.write_text('auth = "open"')
    assert load_settings().auth == "open"
    assert remarks() == []
    spoil(file)
    assert load_settings().auth == "auto"
    (sentence,) = remarks()
    assert str(file) in sentence
    assert sentence in CliRunner().invoke(cli, ["config"]).stderr
    monkeypatch.setenv("FEWSTROKE_CONFIG", str(file))
    assert load_settings().auth == "open"
    assert remarks() == []


def test_a_file_that_is_obeyed_is_named_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fewstroke.toml").write_text("max_steps = 5")
    _log(load_settings())
    assert capsys.readouterr().err.splitlines()[0].endswith(f"settings from {tmp_path / 'fewstroke.toml'}")


@pytest.mark.parametrize(
    ("text", "says"),
    [("max_stepz = 3", "max_stepz"), ("max_steps = ", "cannot be read"), ("max_steps = -1", "max_steps")],
)
def test_a_wrong_file_is_refused_with_a_sentence(write, text: str, says: str) -> None:
    write(text)
    with pytest.raises(ConfigError, match=says):
        load_settings()


def test_a_file_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEWSTROKE_CONFIG", "/nowhere/fewstroke.toml")
    with pytest.raises(ConfigError, match="/nowhere"):
        load_settings()


def test_lists_and_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEWSTROKE_WEBHOOK_ALLOWED_NETWORKS", "10.1.0.0/16, fd00::/8")
    assert load_settings().webhook_allowed_networks == ("10.1.0.0/16", "fd00::/8")
    monkeypatch.setenv("FEWSTROKE_WEBHOOK_ALLOWED_NETWORKS", "10.1.0.1/16")
    with pytest.raises(ConfigError, match="host bits"):
        load_settings()


def test_a_variable_that_is_no_setting_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert unknown_variables() == []
    for name in ("FEWSTROKE_KEY", "FEWSTROKE_TEST_X", "FEWSTROKE_SERVICE_HOST", "FEWSTROKE_PORT_80_TCP"):
        monkeypatch.setenv(name, "x")  # of clients, of tests, of Kubernetes
    assert unknown_variables() == []
    monkeypatch.setenv("FEWSTROKE_MAX_STEP", "3")
    monkeypatch.setenv("FEWSTROKE_QQ", "3")
    near, far = unknown_variables()
    assert near == "FEWSTROKE_MAX_STEP is no setting: is FEWSTROKE_MAX_STEPS meant?"
    assert far == "FEWSTROKE_QQ is no setting."
    result = CliRunner().invoke(cli, ["config"])
    assert result.exit_code == 0
    assert near in result.stderr


def test_secrets_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEWSTROKE_DATABASE_URL", "postgresql://user:hunter2@db/x")
    monkeypatch.setenv("FEWSTROKE_NATS_URL", "nats://:hunter2@nats:4222")
    monkeypatch.setenv("FEWSTROKE_NATS_TOKEN", "hunter2")
    for arguments in (["config"], ["config", "--json"]):
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == 0, result.output
        assert "hunter2" not in result.output
        assert "postgresql://***@db/x" in result.output
    rows = json.loads(result.output)
    assert rows["nats_token"] == {"value": "***", "source": "FEWSTROKE_NATS_TOKEN"}
