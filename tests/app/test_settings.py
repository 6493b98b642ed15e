"""Settings: names, aliases, defaults."""

from __future__ import annotations

import inspect
from pathlib import Path

import asyncpg
import pytest
from PIL import Image
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from app.cli.pictures import read_picture
from app.errors import ConfigError
from app.settings import Settings, load_settings
from app.settings_database import OPTIONS


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "DATABASE_URL",
        "NATS_URL",
        "FEWSTROKE_DATABASE_URL",
        "FEWSTROKE_NATS_URL",
        "FEWSTROKE_DATA_DIR",
        "FEWSTROKE_BLOBS_URL",
    ):
        monkeypatch.delenv(name, raising=False)


def test_everything_lives_in_the_data_folder_by_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    settings = load_settings()
    assert settings.data_dir == tmp_path / "fewstroke"
    assert settings.database.render_as_string() == f"sqlite+aiosqlite:///{tmp_path}/fewstroke/fewstroke.db"
    assert settings.blobs == f"{tmp_path}/fewstroke/blobs"
    assert settings.nats_url is None


@pytest.mark.parametrize("prefix", ["", "FEWSTROKE_"])
def test_urls_have_two_names(monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    monkeypatch.setenv(f"{prefix}NATS_URL", "nats://cluster:4222")
    monkeypatch.setenv(f"{prefix}DATABASE_URL", "postgres://user:secret@db/fewstroke")
    settings = load_settings()
    assert settings.nats_url == "nats://cluster:4222"
    assert settings.database.drivername == "postgresql+asyncpg"
    assert settings.database.password == "secret"


def test_the_url_of_a_managed_database_can_be_used() -> None:
    settings = load_settings(database_url="postgresql://me:secret@db:6432/x?sslmode=require&host=/run")
    _, options = PGDialect_asyncpg().create_connect_args(settings.database)
    assert options["ssl"] == "require"
    assert options.keys() <= inspect.signature(asyncpg.connect).parameters.keys()


def test_options_of_a_database_are_those_that_its_driver_knows() -> None:
    known = inspect.signature(asyncpg.connect).parameters.keys()
    assert OPTIONS - {"prepared_statement_cache_size"} <= known


def test_our_own_name_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATS_URL", "nats://theirs")
    monkeypatch.setenv("FEWSTROKE_NATS_URL", "nats://ours")
    assert load_settings().nats_url == "nats://ours"
    assert load_settings(nats_url="nats://given").nats_url == "nats://given"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("FEWSTROKE_PORT", "tcp://10.96.0.7:80", "enableServiceLinks: false"),
        ("FEWSTROKE_DATABASE_URL", "mysql://user:hunter2@db/x", "only postgresql"),
        ("FEWSTROKE_DATABASE_URL", "nonsense", "only postgresql"),
        ("FEWSTROKE_DATABASE_URL", "postgresql:hunter2", "no URL"),
        ("FEWSTROKE_DATABASE_URL", "postgresql://me:hunter2@db/x?sslmode=on", "sslmode must be"),
        ("FEWSTROKE_DATABASE_URL", "postgresql://me:hunter2@db/x?connect_timeout=3", "connect_timeout"),
        (
            "FEWSTROKE_DATABASE_URL",
            "postgres://me:hunter2@db/x?sslmode=require&channel_binding=require&application_name=f",
            "application_name, channel_binding; leave",
        ),
        ("FEWSTROKE_BLOBS_URL", "ftp://user:hunter2@x/y", "only s3"),
    ],
)
def test_what_cannot_work_is_refused_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=says) as refused:
        load_settings()
    assert "hunter2" not in str(refused.value)
    assert "Value error" not in str(refused.value)


def test_secrets_are_not_printed() -> None:
    settings = Settings(nats_token="hunter2", s3_secret_access_key="hunter2")
    assert "hunter2" not in repr(settings)


def test_a_relative_folder_does_not_follow_the_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings(data_dir=Path("data")).data_dir == tmp_path / "data"


def test_a_user_without_a_home_is_told_what_to_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container that is run as a user that it does not know."""

    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)
    for name in ("XDG_DATA_HOME", "FEWSTROKE_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="FEWSTROKE_DATA_DIR"):
        load_settings()
    monkeypatch.setenv("FEWSTROKE_DATA_DIR", "/data")
    assert load_settings().data_dir == Path("/data")


@pytest.mark.parametrize("size", [(8064, 6048), (6048, 8064), (8160, 6120)], ids=str)
def test_photos_of_phones_are_taken_by_default(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("1", size).save(tmp_path / "photo.png")
    assert max(read_picture(tmp_path / "photo.png", longest=64).size) == 64
