"""`fewstroke doctor` finds what is wrong and says how to mend it."""

from __future__ import annotations

import json
import shlex
import shutil
import socket
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.doctor import Finding, Verdict, examine
from app.doctor.host_checks import check_certificate, check_disk, check_modes
from app.doctor.report import Trouble
from app.errors import ConfigError
from app.infra.blobs import Blobs
from app.infra.broker import Broker, EmbeddedServer
from app.infra.broker import nats_server as embedded
from app.infra.db import create_engine, create_sessions, utcnow
from app.infra.errors import DatabaseUnavailableError
from app.provenance.certificates import SIGNING, folder_of, make
from app.settings import Settings
from app.styles.tables import StyleRow
from model.formats import checkpoint_hash
from tests.app.conftest import joined


@pytest.fixture(autouse=True)
def _without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fine(*_: object) -> str:
        return "loads"

    monkeypatch.setattr("app.doctor.runner.check_checkpoint", fine)
    monkeypatch.setattr("app.doctor.runner.check_device", fine)


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings}


@pytest.fixture
def healthy(settings: Settings, nats: EmbeddedServer) -> Settings:
    return joined(settings, nats).model_copy(update={"port": 0})


async def test_everything_is_well(healthy: Settings) -> None:
    assert healthy.nats_url is not None
    token = healthy.nats_token.get_secret_value() if healthy.nats_token else None
    broker = await Broker.connect(healthy.nats_url, token=token)
    await broker.beat("w1", {})
    findings = await examine(healthy)
    await broker.close()
    assert {f.check: f.verdict for f in findings if f.verdict is Verdict.FAIL} == {}
    found = by_name(findings)
    assert found["broker"].verdict is Verdict.OK, found["broker"]
    assert found["database"].verdict is Verdict.OK, found["database"]
    assert found["storage"].verdict is Verdict.OK
    assert found["decoder"].says == "reads a picture (1 x 1)"
    assert await Blobs.open(healthy).keys() == [], "nothing stays behind"


async def test_the_certificate_is_looked_at(settings: Settings) -> None:
    assert "none yet" in await check_certificate(settings)
    folder = folder_of(settings)
    make(folder)
    assert "lasts 36" in await check_certificate(settings)
    (folder / SIGNING).write_bytes(b"no certificate")
    with pytest.raises(ConfigError, match="cannot be read"):
        await check_certificate(settings)


@pytest.mark.parametrize(("hours", "verdict"), [(240, Verdict.WARN), (-0.5, Verdict.FAIL)])
async def test_a_certificate_that_ends(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, hours: float, verdict: Verdict
) -> None:
    monkeypatch.setattr("app.provenance.certificates._LASTS", timedelta(hours=hours))
    make(folder_of(settings))
    found = by_name(await examine(settings))["certificate"]
    assert found.verdict is verdict
    assert "expire" in found.says
    assert "certificates create" in found.mend


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that is not there is not waited for."""
    monkeypatch.setattr("app.doctor.service_checks._CONNECT", 0.5)


@pytest.mark.usefixtures("impatient")
async def test_everything_is_ill(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "a-file").write_text("no folder")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ill = settings.model_copy(
            update={
                "database_url": f"sqlite:///{tmp_path}/a-file/x.db",
                "blobs_url": str(tmp_path / "a-file" / "blobs"),
                "nats_url": "nats://127.0.0.1:1",
                "port": taken.getsockname()[1],
            }
        )
        found = by_name(await examine(ill))
    for name in ("database", "storage", "broker", "port"):
        assert found[name].verdict is Verdict.FAIL, found[name]
        assert found[name].mend, name
    assert "listened" in found["port"].says


async def test_an_address_that_is_not_this_machines(healthy: Settings) -> None:
    finding = by_name(await examine(healthy.model_copy(update={"host": "198.51.100.7"})))["port"]
    assert finding.verdict is Verdict.FAIL
    assert "--host" in finding.mend
    assert "--port" not in finding.mend


async def test_a_database_that_can_only_be_read(healthy: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async def read_only(*_: object) -> None:
        raise DatabaseUnavailableError("The database x cannot be used: it can only be read.")

    monkeypatch.setattr("app.doctor.service_checks.ping", read_only)
    finding = by_name(await examine(healthy))["database"]
    assert (finding.verdict, finding.says) == (
        Verdict.FAIL,
        "The database x cannot be used: it can only be read.",
    )
    assert "primary" in finding.mend


async def test_clocks_are_not_to_blame_for_a_database_that_is_away(healthy: Settings) -> None:
    away = healthy.model_copy(update={"database_url": "postgresql://u:hunter2@127.0.0.1:1/x"})
    found = by_name(await examine(away))
    assert found["database"].verdict is Verdict.FAIL
    assert (found["clock"].verdict, found["clock"].mend) == (Verdict.WARN, "Mend the database first.")
    assert "hunter2" not in str(found)


async def test_a_misspelt_variable_is_warned_of(healthy: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert by_name(await examine(healthy))["settings"].verdict is Verdict.OK
    monkeypatch.setenv("FEWSTROKE_PRT", "1")
    finding = by_name(await examine(healthy))["settings"]
    assert (finding.verdict, finding.says) == (
        Verdict.WARN,
        "FEWSTROKE_PRT is no setting: is FEWSTROKE_PORT meant?",
    )


async def test_styles_of_another_checkpoint_are_counted(healthy: Settings) -> None:
    assert by_name(await examine(healthy))["styles"].says == "0, all of this checkpoint"
    engine = create_engine(healthy.database)
    for number, base in enumerate((checkpoint_hash(healthy.checkpoint), "ab" * 32)):
        row = StyleRow(id=f"sty_{number}", created_at=utcnow(), blob_key="styles/a", base_hash=base)
        async with create_sessions(engine).begin() as session:
            session.add(row)
    await engine.dispose()
    found = by_name(await examine(healthy))["styles"]
    assert found.verdict is Verdict.WARN
    assert found.says.startswith("1 of 2 were learned with another checkpoint")
    assert "relearn" in found.mend


async def test_a_schema_that_is_not_this_versions(healthy: Settings) -> None:
    from sqlalchemy import text

    from app.infra.db import create_engine

    engine = create_engine(healthy.database)
    for revision, verdict in (("0001", Verdict.WARN), ("9999", Verdict.FAIL)):
        async with engine.begin() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = :r"), {"r": revision})
        finding = by_name(await examine(healthy))["database"]
        assert (finding.verdict, revision in finding.says) == (verdict, True), finding
    await engine.dispose()


async def test_a_bucket_that_cannot_be_reached_is_told_in_a_line(
    healthy: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> str:
        raise OSError("S3 does not answer\n\nDebug source:\nGeneric {\n    store: ...")

    monkeypatch.setattr("app.doctor.runner.check_storage", away)
    found = by_name(await examine(healthy))["storage"]
    assert (found.verdict, found.says) == (Verdict.FAIL, "OSError: S3 does not answer")


async def test_without_a_worker_it_warns(healthy: Settings) -> None:
    finding = by_name(await examine(healthy))["broker"]
    assert finding.verdict is Verdict.WARN
    assert "fewstroke worker" in finding.mend


async def test_only_those_that_live_are_counted(healthy: Settings, nats: EmbeddedServer) -> None:
    broker = await Broker.connect(nats.url, token=nats.token)
    await broker.beat("lives", {})
    await broker.beat("left", {})
    await broker.forget("left")
    assert await nats.stuck() is None  # its probe is a message of the same stream
    assert by_name(await examine(healthy))["broker"].says.endswith(" 1 worker(s)")
    assert len(await broker.workers()) == 1, "as /readyz says"
    await broker.close()


async def test_a_broker_that_will_not_start_is_seen_before_it_is_needed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = settings.model_copy(update={"nats_url": None})
    finding = by_name(await examine(stopped))["broker"]
    assert "no broker is known" in finding.says, "it would start"
    assert "fewstroke serve" in finding.mend
    monkeypatch.setattr(embedded, "_CONFIG", embedded._CONFIG + "\nno_such_setting: 1\n")
    finding = by_name(await examine(stopped))["broker"]
    assert finding.verdict is Verdict.FAIL
    assert "no_such_setting" in finding.says
    assert not list(settings.data_dir.glob(".doctor-*"))


async def test_a_path_of_any_letters_can_be_told(settings: Settings) -> None:
    """Folders of old systems have names that are not UTF-8."""
    odd = settings.model_copy(
        update={"data_dir": settings.data_dir / "lat\udce9n %20 #?", "database_url": None}
    )
    odd.data_dir.mkdir(parents=True)
    database = by_name(await examine(odd))["database"]
    assert (database.verdict, "is empty" in database.says) == (Verdict.WARN, True), database


async def test_advice_can_be_pasted_whatever_a_folder_is_called(settings: Settings) -> None:
    odd = settings.model_copy(update={"data_dir": settings.data_dir / "my data; $HOME", "database_url": None})
    odd.data_dir.mkdir(parents=True)
    odd.data_dir.chmod(0o755)
    with pytest.raises(Trouble) as trouble:
        await check_modes(odd)
    assert shlex.split(trouble.value.mend) == ["chmod", "-R", "go=", str(odd.data_dir)]


async def test_copies_of_the_queue_that_the_broker_cannot_keep(healthy: Settings) -> None:
    finding = by_name(await examine(healthy.model_copy(update={"nats_replicas": 3})))["broker"]
    assert finding.verdict is Verdict.FAIL
    assert "3 copies" in finding.says
    assert "FEWSTROKE_NATS_REPLICAS" in finding.mend


async def test_each_disk_is_looked_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data, blobs, database = (tmp_path / name for name in ("data", "blobs", "database"))
    for folder in (data, blobs, database):
        folder.mkdir()
    settings = Settings(data_dir=data, blobs_url=blobs.as_uri(), database_url=f"sqlite:///{database}/a.db")
    free = {data: 2**35, blobs: 2**20, database: 2**30}
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free[path]))
    monkeypatch.setattr("app.doctor.host_checks._disk_of", lambda path: list(free).index(path))
    with pytest.raises(Trouble) as caught:
        await check_disk(settings)
    assert caught.value.verdict is Verdict.FAIL
    assert all(str(folder) in str(caught.value) for folder in free)
    assert "FEWSTROKE_BLOBS_URL and FEWSTROKE_DATABASE_URL" in caught.value.mend
    monkeypatch.setattr("app.doctor.host_checks._disk_of", lambda _: 1)
    assert await check_disk(settings) == f"32.0 GiB free at {data}", "one disk is named once"


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import asyncio

    for free, verdict in ((2**30, Verdict.WARN), (2**20, Verdict.FAIL)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        with pytest.raises(Trouble) as caught:
            asyncio.run(check_disk(Settings(data_dir=tmp_path / "new")))
        assert caught.value.verdict is verdict


@pytest.mark.usefixtures("impatient")
def test_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FEWSTROKE_NATS_URL", "nats://127.0.0.1:1")
    monkeypatch.setenv("FEWSTROKE_PORT", "0")
    result = CliRunner().invoke(cli, ["doctor", "--data-dir", str(tmp_path), "--json"])
    assert result.exit_code == 1, result.output
    answer = json.loads(result.output)
    assert answer["ok"] is False
    verdicts = {check["check"]: check["verdict"] for check in answer["checks"]}
    assert verdicts["broker"] == "fail"
    assert verdicts["storage"] == "ok"
    result = CliRunner().invoke(cli, ["doctor", "--data-dir", str(tmp_path)])
    assert result.exit_code == 1
    assert "FEWSTROKE_NATS_URL" in result.output
