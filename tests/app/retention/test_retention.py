"""Retention: what has expired goes, what is needed stays, wherever a sweep is broken off."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.batches.tables import BatchItemRow, BatchRow
from app.ids import new_id
from app.images.repository import hold_images
from app.images.tables import ImageRole, ImageRow
from app.infra.blobs import Blobs
from app.infra.db import Base, Sessions, utcnow
from app.infra.leader_lock import drop_lease, take_lease
from app.job_hooks import JOB_HOOKS
from app.jobs.job import Job, JobKind
from app.jobs.ledger import Ledger, NewJob
from app.jobs.tables import JobRow
from app.retention import expiry
from app.retention.expiry_dates import Retention, stamp_new_rows
from app.retention.sweeper import Sweeper
from app.retries.retry import plan_retry
from app.settings import Settings
from app.styles.tables import StyleRow
from app.stylizations.tables import StylizationRow
from app.worker.results import ImageOutcome, Outcome, StyleOutcome, succeed_with
from tests.support.pictures import picture
from tests.support.signing import signer

TTL = timedelta(minutes=1)
STYLE = StyleOutcome(b"a style file", {"base_hash": "b" * 64, "k": 1})


@pytest.fixture
def kept(tmp_path: Path) -> Settings:
    """Blobs are orphans at once; everything else as by default."""
    return Settings(data_dir=tmp_path).model_copy(update={"orphan_grace": -5.0})


@pytest.fixture
def stamped(sessions: Sessions, kept: Settings) -> Sessions:
    stamp_new_rows(sessions, Retention.of(kept))
    return sessions


@pytest.fixture
def sweeper(stamped: Sessions, blobs: Blobs, kept: Settings) -> Sweeper:
    return Sweeper(stamped, blobs, kept)


async def image(blobs: Blobs, job_id: str, role: ImageRole, position: int = 0) -> ImageRow:
    key = f"uploads/{job_id}/{role}-{position}.png"
    await blobs.put(key, b"a picture")
    return ImageRow(
        id=new_id("img"),
        job_id=job_id,
        role=role,
        position=position,
        blob_key=key,
        media_type="image/png",
        width=1,
        height=1,
        size_bytes=9,
        sha256="0" * 64,
        created_at=utcnow(),
    )


async def submitted(ledger: Ledger, blobs: Blobs) -> Job:
    """A queued one-call job with an example and a content."""
    job_id, style_id = new_id("job"), new_id("sty")
    rows = [await image(blobs, job_id, role) for role in (ImageRole.EXAMPLE, ImageRole.CONTENT)]
    return await ledger.create(
        NewJob(
            job_id,
            JobKind.STYLIZE_ONCE,
            {"examples": [rows[0].id], "contents": [rows[1].id], "style_id": style_id, "format": "png"},
            style_id=style_id,
            rows=[
                StyleRow(id=style_id, job_id=job_id, created_at=utcnow()),
                StylizationRow(id=new_id("stz"), job_id=job_id, style_id=style_id, created_at=utcnow()),
                *rows,
            ],
        )
    )


async def finished(ledger: Ledger, blobs: Blobs) -> Job:
    job = await ledger.begin((await submitted(ledger, blobs)).id, "w")
    assert job is not None
    outcome = Outcome(steps=1, seconds=1, style=STYLE, images=[ImageOutcome(picture(), "img_x")])
    assert await succeed_with(ledger, blobs, signer(), job, outcome)
    return await ledger.get(job.id)


async def age(sessions: Sessions, by: timedelta) -> None:
    """Everything happened that much earlier."""
    async with sessions.begin() as session:
        rows: list[ImageRow | StyleRow | StylizationRow] = [
            *await session.scalars(select(ImageRow)),
            *await session.scalars(select(StyleRow)),
            *await session.scalars(select(StylizationRow)),
        ]
        for row in rows:
            if row.expires_at is not None:
                row.expires_at -= by
        for job in await session.scalars(select(JobRow)):
            if job.finished_at is not None:
                job.finished_at -= by


async def counts(sessions: Sessions) -> dict[str, int]:
    names = {"jobs": JobRow, "images": ImageRow, "styles": StyleRow, "stylizations": StylizationRow}
    async with sessions() as session:
        return {
            name: await session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in names.items()
        }


async def check_references(sessions: Sessions, blobs: Blobs) -> set[str]:
    """Every blob that a row names is there; returns the keys that no row names."""
    keys = set(await blobs.keys())
    named: set[str] = set()
    async with sessions() as session:
        for table in (ImageRow, StyleRow):
            named |= {key for key in await session.scalars(select(table.blob_key)) if key is not None}
    assert named <= keys, f"referenced and gone: {named - keys}"
    return keys - named


async def test_rows_know_when_they_expire(stamped: Sessions, ledger: Ledger, blobs: Blobs) -> None:
    await finished(ledger, blobs)
    async with stamped() as session:
        for row in await session.scalars(select(ImageRow)):
            assert row.expires_at == row.created_at + timedelta(days=30)
        assert (await session.scalars(select(StylizationRow))).one().expires_at is not None
        assert (await session.scalars(select(StyleRow))).one().expires_at is None, "styles are kept"


async def test_each_kind_has_its_own_time(sessions: Sessions, ledger: Ledger, blobs: Blobs) -> None:
    stamp_new_rows(sessions, Retention(styles=3, results=2, uploads=0))
    await finished(ledger, blobs)

    def days(row: ImageRow | StyleRow) -> timedelta | None:
        expires: datetime | None = row.expires_at
        return None if expires is None else expires - row.created_at

    async with sessions() as session:
        found = {row.role: days(row) for row in await session.scalars(select(ImageRow))}
        style = (await session.scalars(select(StyleRow))).one()
    assert found == {"example": None, "content": None, "result": timedelta(days=2)}
    assert days(style) == timedelta(days=3)


async def test_nothing_goes_before_its_time(
    sweeper: Sweeper, stamped: Sessions, ledger: Ledger, blobs: Blobs
) -> None:
    await finished(ledger, blobs)
    await age(stamped, timedelta(days=29))
    swept = await sweeper.sweep()
    assert swept is not None
    assert not any(swept.values())
    assert await counts(stamped) == {"jobs": 1, "images": 3, "styles": 1, "stylizations": 1}
    assert await check_references(stamped, blobs) == set()


async def test_results_go_and_the_style_stays(
    sweeper: Sweeper, stamped: Sessions, ledger: Ledger, blobs: Blobs
) -> None:
    job = await finished(ledger, blobs)
    await age(stamped, timedelta(days=31))
    assert await sweeper.sweep() is not None
    assert await counts(stamped) == {"jobs": 1, "images": 0, "styles": 1, "stylizations": 0}
    (key,) = await blobs.keys()
    assert key == f"results/{job.id}/1/style.safetensors"


async def test_a_batch_goes_with_its_last_picture(
    stamped: Sessions, ledger: Ledger, blobs: Blobs, sweeper: Sweeper
) -> None:
    job_id, batch_id = new_id("job"), new_id("bat")
    picture = await image(blobs, job_id, ImageRole.RESULT)
    batch = BatchRow(id=batch_id, job_id=job_id, style_id="sty_x", photos=2, created_at=utcnow())
    made = BatchItemRow(batch_id=batch_id, position=0, custom_id="a", photo="a.jpg", image_id=picture.id)
    rows = [batch, picture, made]
    await ledger.create(NewJob(job_id, JobKind.BATCH, {"cost": 0}, style_id="sty_x", rows=rows))
    assert (begun := await ledger.begin(job_id, "w")) is not None
    assert await ledger.succeed(job_id, begun.attempt, {})

    async def end(of: type[BatchRow | ImageRow]) -> None:
        async with stamped.begin() as session:
            await session.execute(update(of).values(expires_at=utcnow() - timedelta(seconds=1)))
        await sweeper.sweep()

    await end(BatchRow)
    async with stamped() as session:
        assert await session.get(BatchRow, batch_id) is not None, "its picture is there"
    await end(ImageRow)
    async with stamped() as session:
        assert await session.get(BatchRow, batch_id) is None
        assert await session.get(BatchItemRow, (batch_id, 0)) is None, "with the photo's name"


async def test_a_job_goes_when_nothing_refers_to_it(
    sweeper: Sweeper, stamped: Sessions, ledger: Ledger, blobs: Blobs
) -> None:
    await finished(ledger, blobs)
    canceled = await submitted(ledger, blobs)
    await ledger.request_cancel(canceled.id)
    async with stamped.begin() as session:
        await session.execute(update(StyleRow).values(expires_at=utcnow()))
    await age(stamped, timedelta(days=31))
    assert await sweeper.sweep() is not None
    assert await counts(stamped) == {"jobs": 0, "images": 0, "styles": 0, "stylizations": 0}
    assert await blobs.keys() == []


async def test_what_an_unfinished_job_needs_stays_however_old(
    sweeper: Sweeper, stamped: Sessions, ledger: Ledger, blobs: Blobs
) -> None:
    style = await finished(ledger, blobs)
    contents = await image(blobs, style.id, ImageRole.CONTENT, 7)
    async with stamped.begin() as session:
        session.add(contents)
    blended = {"contents": [contents.id], "styles": [{"style_id": style.style_id, "weight": 1.0}]}
    waiting = await ledger.create(NewJob(new_id("job"), JobKind.STYLIZE, blended))
    running = await ledger.begin((await submitted(ledger, blobs)).id, "w")
    assert running is not None
    await blobs.put(f"results/{running.id}/1/0.png", b"about to be committed")
    async with stamped.begin() as session:
        await session.execute(update(StyleRow).values(expires_at=utcnow()))
    await age(stamped, timedelta(days=400))
    await sweeper.sweep()
    async with stamped() as session:
        kept = set(await session.scalars(select(ImageRow.id)))
        styles = set(await session.scalars(select(StyleRow.id)))
    assert kept == {contents.id, *running.params["examples"], *running.params["contents"]}
    assert styles == {style.style_id, running.style_id}
    assert await blobs.exists(f"results/{running.id}/1/0.png")
    await ledger.request_cancel(waiting.id)
    await ledger.fail(running.id, 1, code="job_failed", detail="x")
    await sweeper.sweep()
    assert (await counts(stamped))["styles"] == 0
    assert await blobs.keys() == []


@pytest.mark.parametrize("retried", [False, True])
async def test_a_style_takes_what_it_was_made_of_along(
    sessions: Sessions, ledger: Ledger, blobs: Blobs, kept: Settings, retried: bool
) -> None:
    stamp_new_rows(sessions, Retention(styles=1, results=0, uploads=0))
    job_id, style_id = new_id("job"), new_id("sty")
    rows = [await image(blobs, job_id, role) for role in (ImageRole.EXAMPLE, ImageRole.CONTENT)]
    style = StyleRow(id=style_id, job_id=job_id, created_at=utcnow())
    params = {"examples": [rows[0].id], "contents": [rows[1].id]}
    new = NewJob(job_id, JobKind.ADAPT, params, style_id=style_id, rows=[style, *rows])
    await ledger.create(new)
    canceled = await ledger.request_cancel(job_id)
    if retried:
        again = await ledger.create(plan_retry(canceled, None))
        await ledger.request_cancel(again.id)
    await age(sessions, timedelta(days=2))
    await Sweeper(sessions, blobs, kept).sweep()
    assert await counts(sessions) == {"jobs": 1 + retried, "images": 0, "styles": 0, "stylizations": 0}
    assert await blobs.keys() == []


@pytest.fixture
async def on_postgres(engine: AsyncEngine) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer: nothing happens between two statements of the sweeper")


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], Awaitable[object]]) -> None:
    """It happens once, right after the sweeper has first looked what unfinished jobs name."""
    look = expiry._named_by_active_jobs
    done: list[bool] = []

    async def looking(session: AsyncSession, prefix: str) -> set[str]:
        found = await look(session, prefix)
        if not done:
            done.append(True)
            await happens()
        return found

    monkeypatch.setattr(expiry, "_named_by_active_jobs", looking)


@pytest.mark.usefixtures("on_postgres")
async def test_what_a_job_gets_while_the_sweeper_looks_stays(
    stamped: Sessions, ledger: Ledger, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await finished(ledger, blobs)
    images = [await image(blobs, job.id, ImageRole.CONTENT, position) for position in (7, 8)]
    for number, row in enumerate(images):
        row.expires_at = utcnow() - timedelta(days=2 - number)
    async with stamped.begin() as session:
        session.add_all(images)
        await session.execute(update(StyleRow).values(expires_at=utcnow() - timedelta(days=1)))
    params = {"contents": [images[0].id], "styles": [{"style_id": job.style_id, "weight": 1.0}]}

    async def given() -> None:
        await ledger.create(NewJob(new_id("job"), JobKind.STYLIZE, params, style_id=job.style_id))

    monkeypatch.setattr(expiry, "BATCH", 1)
    meanwhile(monkeypatch, given)
    async with stamped.begin() as session:
        _, keys = await expiry.expire_images(session, utcnow())
    assert keys == [images[1].blob_key], "the one that is needed stays, and hides no other one"


@pytest.mark.usefixtures("on_postgres")
async def test_a_style_that_a_job_gets_while_the_sweeper_looks_stays(
    stamped: Sessions, ledger: Ledger, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await finished(ledger, blobs)
    async with stamped.begin() as session:
        await session.execute(update(StyleRow).values(expires_at=utcnow() - timedelta(days=1)))

    async def given() -> None:
        params = {"styles": [{"style_id": job.style_id, "weight": 1.0}]}
        await ledger.create(NewJob(new_id("job"), JobKind.STYLIZE, params, style_id=job.style_id))

    meanwhile(monkeypatch, given)
    async with stamped.begin() as session:
        assert await expiry.expire_styles(session, utcnow()) == (0, [])
    assert (await counts(stamped))["styles"] == 1


@pytest.mark.usefixtures("on_postgres")
async def test_what_a_request_holds_is_passed_over(stamped: Sessions, ledger: Ledger, blobs: Blobs) -> None:
    job = await finished(ledger, blobs)
    (content,) = job.params["contents"]
    await age(stamped, timedelta(days=31))
    async with stamped.begin() as request:
        assert await hold_images(request, [content])
        async with asyncio.timeout(20), stamped.begin() as session:  # it does not wait for the request
            assert (await expiry.expire_images(session, utcnow()))[0] == 2
    async with stamped() as session:
        assert list(await session.scalars(select(ImageRow.id))) == [content]


async def test_orphans_go_after_the_grace_time(
    stamped: Sessions, blobs: Blobs, ledger: Ledger, kept: Settings
) -> None:
    job = await finished(ledger, blobs)
    orphans = [
        f"uploads/{new_id('job')}/content-0.png",
        f"results/{job.id}/7/0.png",
        f"styles/{new_id('sty')}.safetensors",
    ]
    for key in orphans:
        await blobs.put(key, b"left behind")
    patient = Sweeper(stamped, blobs, kept.model_copy(update={"orphan_grace": 3600.0}))
    swept = await patient.sweep()
    assert swept is not None
    assert swept["orphaned blobs"] == 0, "it may be an upload in flight"
    assert await check_references(stamped, blobs) == set(orphans)
    swept = await Sweeper(stamped, blobs, kept).sweep()
    assert swept is None, "the patient one still holds the lease"
    async with stamped.begin() as session:
        await session.execute(Base.metadata.tables["leases"].delete())
    swept = await Sweeper(stamped, blobs, kept).sweep()
    assert swept is not None
    assert swept["orphaned blobs"] == 3
    assert await check_references(stamped, blobs) == set()


async def test_what_others_keep_in_the_store_stays(stamped: Sessions, blobs: Blobs, kept: Settings) -> None:
    theirs = [
        "fewstroke.db",
        "broker/jetstream/JOBS/meta.inf",
        "uploads/beach.jpg",
        f"old/uploads/{new_id('job')}/content-0.png",
        f"results/{new_id('job')}.zip",
        "styles/sty_notes.safetensors",
        "doctor/letter.txt",
    ]
    ours = [f"doctor/{new_id('img')}", f"uploads/{new_id('job')}/content-0.png"]
    for key in (*theirs, *ours):
        await blobs.put(key, b"a file")
    swept = await Sweeper(stamped, blobs, kept).sweep()
    assert swept is not None
    assert swept["orphaned blobs"] == len(ours)
    assert set(await blobs.keys()) == set(theirs)


async def test_the_data_folder_as_store_keeps_what_is_half_written_elsewhere(
    stamped: Sessions, kept: Settings
) -> None:
    here = kept.model_copy(update={"blobs_url": str(kept.data_dir)})
    theirs = [
        kept.data_dir / "song #1" / "take#3",
        kept.data_dir / "uploads" / "take#3",
        kept.data_dir / "uploads" / new_id("job") / "mine" / "take#3",
    ]
    ours = kept.data_dir / "uploads" / new_id("job") / "content-0.png#1"
    for path in (*theirs, ours):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    swept = await Sweeper(stamped, Blobs.open(here), here).sweep()
    assert swept is not None
    assert swept["unfinished blobs"] == 1
    assert [path.exists() for path in (*theirs, ours)] == [True, True, True, False]


async def test_one_sweeps_at_a_time(stamped: Sessions) -> None:
    assert await take_lease(stamped, "sweeper", "a", TTL)
    assert not await take_lease(stamped, "sweeper", "b", TTL)
    assert await take_lease(stamped, "sweeper", "a", TTL), "the holder renews it"
    assert await take_lease(stamped, "another", "b", TTL)
    await drop_lease(stamped, "sweeper", "b")
    assert not await take_lease(stamped, "sweeper", "b", TTL), "only the holder gives it up"
    await drop_lease(stamped, "sweeper", "a")
    assert await take_lease(stamped, "sweeper", "b", timedelta(seconds=-1))
    assert await take_lease(stamped, "sweeper", "a", TTL), "it had run out"


async def test_a_lease_from_a_clock_that_has_gone_back_binds_nobody(stamped: Sessions) -> None:
    assert await take_lease(stamped, "sweeper", "a", timedelta(hours=3))  # as by a clock three hours ahead
    assert await take_lease(stamped, "sweeper", "b", TTL)


class Killed(BaseException):
    """What SIGKILL looks like from inside: nothing after it runs."""


@pytest.mark.parametrize("deletions", [0, 1, 2, 3])
async def test_a_sweep_that_breaks_off_is_finished_by_the_next(
    sweeper: Sweeper,
    stamped: Sessions,
    ledger: Ledger,
    blobs: Blobs,
    deletions: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await finished(ledger, blobs)
    fresh = await submitted(ledger, blobs)
    await age(stamped, timedelta(days=31))
    delete, left = blobs.delete, deletions

    async def dying(keys: list[str]) -> None:
        nonlocal left
        for key in keys:
            if not left:
                raise Killed
            left -= 1
            await delete([key])
        if keys and not left:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(blobs, "delete", dying)
        with pytest.raises(Killed):
            await sweeper.sweep()
    await check_references(stamped, blobs)
    await sweeper.sweep()
    assert await check_references(stamped, blobs) == set()
    assert (await ledger.get(fresh.id)).state == "queued"
    assert len(await blobs.keys(f"uploads/{fresh.id}")) == 2


_DYING_SWEEP = """
import asyncio, os, signal, sys
from app.infra.blobs import Blobs
from app.infra.db import create_engine, create_sessions
from app.retention.sweeper import Sweeper
from app.settings import Settings

settings = Settings().model_copy(update={"orphan_grace": -5.0})

async def main():
    engine = create_engine(settings.database)
    blobs, left = Blobs.open(settings), int(sys.argv[1])
    delete = blobs.delete
    async def dying(keys):
        nonlocal left
        for key in keys:
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            await delete([key])
    blobs.delete = dying
    await Sweeper(create_sessions(engine), blobs, settings).sweep()

asyncio.run(main())
"""


async def test_a_sweeper_that_is_killed(tmp_path: Path, sqlite_template: Path) -> None:
    """A process, SIGKILL after its second blob; then the lease runs out and another one ends the work."""
    from app.infra.db import create_engine, create_sessions

    shutil.copy(sqlite_template, tmp_path / "fewstroke.db")
    kept = Settings(data_dir=tmp_path, database_url=None, blobs_url=None).model_copy(
        update={"orphan_grace": -5.0}
    )
    engine, blobs = create_engine(kept.database), Blobs.open(kept)
    try:
        sessions = create_sessions(engine)
        stamp_new_rows(sessions, Retention.of(kept))
        ledger = Ledger(sessions, JOB_HOOKS)
        for _ in range(3):
            await finished(ledger, blobs)
        await age(sessions, timedelta(days=31))
        env = {**os.environ, "FEWSTROKE_DATA_DIR": str(tmp_path)}
        for name in ("DATABASE_URL", "FEWSTROKE_DATABASE_URL", "FEWSTROKE_BLOBS_URL"):
            env.pop(name, None)
        done = subprocess.run(  # noqa: ASYNC221 - nothing else is to happen meanwhile
            [sys.executable, "-c", _DYING_SWEEP, "2"], env=env, capture_output=True, check=False
        )
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        assert len(await check_references(sessions, blobs)) == 7, "nine had lost their rows, two are gone"
        sweeper = Sweeper(sessions, blobs, kept)
        assert await sweeper.sweep() is None, "the dead one still holds the lease"
        async with sessions.begin() as session:
            await session.execute(Base.metadata.tables["leases"].update().values(until=utcnow() - TTL))
        swept = await sweeper.sweep()
        assert swept is not None
        assert swept["orphaned blobs"] == 7
        assert await check_references(sessions, blobs) == set()
        assert (await counts(sessions))["styles"] == 3
    finally:
        await engine.dispose()
