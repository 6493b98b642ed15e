"""The effects of a success: all of them or none, whoever else has tried the job."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

import model
from app.bounds import LabelPlace
from app.files.tables import FileRow
from app.ids import new_id
from app.images.tables import ImageRole, ImageRow
from app.imaging.formats import ClipFormat
from app.infra.blobs import Blobs
from app.infra.db import Sessions, utcnow
from app.jobs.job import Job, JobKind, JobState
from app.jobs.ledger import Ledger, NewJob
from app.provenance.c2pa_settings import RECORD
from app.provenance.copies import fingerprints
from app.provenance.label import Label
from app.provenance.watermark.detect import find
from app.provenance.watermark.payload import Payload, result_code
from app.styles.tables import StyleRow
from app.worker.results import ClipOutcome, ImageOutcome, Outcome, StyleOutcome, succeed_with
from model.modality import Piece, ResultFile
from tests.support.database import answers_lost
from tests.support.manifests import read, state
from tests.support.pictures import encoded, picture
from tests.support.signing import signer

STYLE = StyleOutcome(b"a style file", {"base_hash": "b" * 64, "k": 1})
PHOTO = Path(model.__file__).parent / "image/photos/stream.jpg"


def outcome(seed: int = 0) -> Outcome:
    return Outcome(
        steps=3, seconds=1.23456, style=STYLE, images=[ImageOutcome(picture(seed=seed), "img_content")]
    )


async def started(ledger: Ledger, format: str = "png", **params: Any) -> Job:
    job_id, style_id = new_id("job"), new_id("sty")
    style = StyleRow(id=style_id, owner="local", job_id=job_id, created_at=utcnow())
    await ledger.create(
        NewJob(job_id, JobKind.STYLIZE_ONCE, {"format": format, **params}, style_id=style_id, rows=[style])
    )
    job = await ledger.begin(job_id, "w1")
    assert job is not None
    return job


async def rows(sessions: Sessions) -> int:
    async with sessions() as session:
        return await session.scalar(select(func.count()).select_from(ImageRow)) or 0


async def test_a_success(ledger: Ledger, blobs: Blobs, sessions: Sessions) -> None:
    job = await started(ledger, "jpeg")
    assert await succeed_with(ledger, blobs, signer(), job, outcome())
    done = await ledger.get(job.id)
    assert done.state is JobState.SUCCEEDED
    assert done.result is not None
    assert (done.result["style_id"], done.result["steps"], done.result["seconds"]) == (job.style_id, 3, 1.235)
    async with sessions() as session:
        image = await session.get_one(ImageRow, done.result["images"][0])
        style = await session.get_one(StyleRow, job.style_id)
    assert (image.role, image.source_id, image.media_type) == (ImageRole.RESULT, "img_content", "image/jpeg")
    assert style.blob_key is not None
    assert await blobs.get(style.blob_key) == STYLE.data
    assert style.base_hash == "b" * 64
    assert len(await blobs.get(image.blob_key)) == image.size_bytes
    assert sorted([style.blob_key, image.blob_key]) == await blobs.keys()
    assert all(f"/{job.attempt}/" in key for key in await blobs.keys()), "names carry the attempt"


async def test_losses_that_are_no_numbers_are_not_reported(ledger: Ledger, blobs: Blobs) -> None:
    job = await started(ledger)
    losses = {"start": {"style": float("nan"), "content": 1.0}, "end": {"style": float("inf")}}
    assert await succeed_with(ledger, blobs, signer(), job, Outcome(steps=0, seconds=0, losses=losses))
    done = await ledger.get(job.id)
    assert done.result is not None
    assert done.result["losses"] == {"start": {"content": 1.0}, "end": {}}


async def test_a_fenced_out_worker_leaves_nothing(ledger: Ledger, blobs: Blobs, sessions: Sessions) -> None:
    old = await started(ledger)
    new = await ledger.begin(old.id, "w2")
    assert new is not None
    assert not await succeed_with(ledger, blobs, signer(), old, outcome(1))
    assert await blobs.keys() == []
    assert await succeed_with(ledger, blobs, signer(), new, outcome(2))
    assert not await succeed_with(ledger, blobs, signer(), old, outcome(1)), "nor after the other's success"
    assert await rows(sessions) == 1
    assert all(key.startswith(f"results/{old.id}/2/") for key in await blobs.keys())
    assert len(await blobs.keys()) == 2


async def test_a_success_clears_what_a_killed_attempt_left(ledger: Ledger, blobs: Blobs) -> None:
    killed = await started(ledger)
    await blobs.put(f"results/{killed.id}/1/0.png", b"half done")
    job = await ledger.begin(killed.id, "w2")
    assert job is not None
    assert await succeed_with(ledger, blobs, signer(), job, outcome())
    assert not await blobs.exists(f"results/{job.id}/1/0.png")


async def test_a_canceling_job_does_not_succeed(ledger: Ledger, blobs: Blobs, sessions: Sessions) -> None:
    job = await started(ledger)
    await ledger.request_cancel(job.id)
    assert not await succeed_with(ledger, blobs, signer(), job, outcome())
    assert await blobs.keys() == []
    assert await rows(sessions) == 0
    assert await ledger.confirm_canceled(job.id, job.attempt)


async def test_a_storage_that_fails_half_way(
    ledger: Ledger, blobs: Blobs, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await started(ledger)
    put = blobs.put

    async def failing(key: str, data: bytes) -> None:
        if key.endswith(".png"):
            raise OSError("the disk is full")
        await put(key, data)

    with monkeypatch.context() as patch:
        patch.setattr(blobs, "put", failing)
        with pytest.raises(OSError, match="full"):
            await succeed_with(ledger, blobs, signer(), job, outcome())
    assert await blobs.keys() == []
    assert (await ledger.get(job.id)).state is JobState.RUNNING
    assert await succeed_with(ledger, blobs, signer(), job, outcome()), "it can be tried again"
    assert await rows(sessions) == 1


@pytest.mark.parametrize(
    "error",
    [OperationalError("COMMIT", {}, Exception("the connection was closed")), asyncio.CancelledError()],
    ids=["broken", "canceled"],
)
async def test_a_commit_whose_answer_is_lost_keeps_the_results(
    ledger: Ledger, blobs: Blobs, sessions: Sessions, engine: AsyncEngine, error: BaseException
) -> None:
    job = await started(ledger)
    with answers_lost(engine, error), pytest.raises(type(error)):
        await succeed_with(ledger, blobs, signer(), job, outcome())
    assert (await ledger.get(job.id)).state is JobState.SUCCEEDED
    async with sessions() as session:
        named = [*await session.scalars(select(ImageRow.blob_key))]
        named += [*await session.scalars(select(StyleRow.blob_key))]
    assert sorted(named) == await blobs.keys()
    assert len(named) == 2


async def test_a_style_that_was_deleted_meanwhile(ledger: Ledger, blobs: Blobs, sessions: Sessions) -> None:
    job = await started(ledger)
    async with sessions.begin() as session:
        await session.delete(await session.get_one(StyleRow, job.style_id))
    assert await succeed_with(ledger, blobs, signer(), job, outcome())
    assert [key.rpartition("/")[2] for key in await blobs.keys()] == ["0.png"], "no file without a style"


async def test_results_carry_no_metadata(ledger: Ledger, blobs: Blobs) -> None:
    for format in ("png", "jpeg", "webp"):
        job = await started(ledger, format)
        image = picture()
        image.info["icc_profile"] = b"x" * 200
        image.info["comment"] = b"secret"
        exif = image.getexif()
        exif[0x010E] = "secret"
        assert await succeed_with(
            ledger, blobs, signer(), job, Outcome(steps=0, seconds=0, images=[ImageOutcome(image, "img_x")])
        )
        (key,) = await blobs.keys(f"results/{job.id}")
        data = await blobs.get(key)
        assert b"secret" not in data
        assert b"ICC" not in data
        assert b"iCCP" not in data


@pytest.mark.parametrize(
    ("params", "marked"), [({}, True), ({"strength": 0.0}, False), ({"provenance": "none"}, False)]
)
async def test_results_carry_a_watermark_where_something_was_drawn(
    ledger: Ledger, blobs: Blobs, sessions: Sessions, params: dict[str, Any], marked: bool
) -> None:
    made = Image.open(PHOTO).convert("RGB").resize((640, 480))
    drawn = Image.new("L", made.size, 255)
    drawn.paste(0, (0, 0, 100, 480))
    job = await started(ledger, **params)
    images = [ImageOutcome(made, "img_x", drawn=drawn)]
    assert await succeed_with(
        ledger, blobs, signer(), job, Outcome(steps=0, seconds=0, images=images, provenance={}), watermark=7
    )
    async with sessions() as session:
        (row,) = await session.scalars(select(ImageRow))
    assert row.provenance is not None
    assert row.provenance["watermark"] is marked
    stored = Image.open(BytesIO(await blobs.get(row.blob_key)))
    found = find(stored)
    if marked:
        assert found is not None
        assert found.payload == Payload(7, result_code(made.tobytes()))
        assert row.watermark == found.payload.result
        left = (0, 0, 100, 480)
        assert stored.crop(left).tobytes() == made.crop(left).tobytes(), "not where the photo stayed"
    else:
        assert (found, row.watermark) == (None, None)
        assert stored.tobytes() == made.tobytes()


@pytest.mark.parametrize(
    ("params", "place"),
    [({}, "bottom-right"), ({"strength": 0.0}, "top-left"), ({"strength": 0.0}, "none")],
)
async def test_results_have_the_label_that_is_asked_for(
    ledger: Ledger, blobs: Blobs, sessions: Sessions, params: dict[str, Any], place: LabelPlace
) -> None:
    made, job = picture(320, 240), await started(ledger, **params)
    label = Label(place=place)
    masked = Image.new("L", made.size)  # the photo stays as it is, everywhere
    images = [ImageOutcome(made, "img_x", drawn=masked, label=label)]
    known = partial(fingerprints, [made])
    done = Outcome(steps=0, seconds=0, images=images, provenance={}, fingerprints=known)
    assert await succeed_with(ledger, blobs, signer(), job, done, watermark=7)
    async with sessions() as session:
        (row,) = await session.scalars(select(ImageRow))
    data = await blobs.get(row.blob_key)
    assert Image.open(BytesIO(data)).tobytes() == label.draw(made).tobytes(), "on top of what is left alone"
    assert (label.draw(made).tobytes() == made.tobytes()) is (place == "none")
    assert row.provenance is not None
    assert row.provenance["nearest_example"] == {"agreement": 1.0, "copy": True}, "compared without it"
    record = row.provenance.get("label")
    assert record == (None if place == "none" else {"text": "AI generated", "place": place})
    said = [each["data"] for each in read(data, "image/png")["assertions"] if each["label"] == RECORD]
    assert [each.get("label") for each in said] == [record]


async def test_a_result_that_reproduces_an_example_says_so(
    ledger: Ledger, blobs: Blobs, sessions: Sessions
) -> None:
    example, other = (picture(320, 240, seed=seed) for seed in (1, 2))
    job = await started(ledger)
    done = Outcome(
        steps=1,
        seconds=1,
        style=STYLE,
        images=[ImageOutcome(example, "img_x"), ImageOutcome(other, "img_y")],
        provenance={},
        fingerprints=partial(fingerprints, [example]),
    )
    assert await succeed_with(ledger, blobs, signer(), job, done)
    async with sessions() as session:
        copy, own = await session.scalars(select(ImageRow).order_by(ImageRow.position))
        assert job.style_id is not None
        kept = await session.scalar(select(StyleRow.fingerprints).where(StyleRow.id == job.style_id))
    assert copy.provenance is not None
    assert copy.provenance["nearest_example"] == {"agreement": 1.0, "copy": True}
    assert own.provenance is not None
    assert not own.provenance["nearest_example"]["copy"]
    assert kept == fingerprints([example])


def test_alpha_survives_where_the_format_has_it() -> None:
    from app.imaging.encode import encode
    from app.imaging.formats import OutputFormat
    from app.imaging.transparency import with_alpha_of

    content = picture().convert("RGBA")
    content.putalpha(Image.linear_gradient("L").resize(content.size))
    rendered = with_alpha_of(picture(32, 24), content)
    assert (rendered.mode, rendered.size) == ("RGBA", (32, 24))
    assert with_alpha_of(picture(32, 24), picture()).mode == "RGB"
    for output, mode in ((OutputFormat.PNG, "RGBA"), (OutputFormat.WEBP, "RGBA"), (OutputFormat.JPEG, "RGB")):
        assert Image.open(BytesIO(encode(rendered, output))).mode == mode


async def test_clips_and_compositions_are_signed_where_their_files_can_be(
    ledger: Ledger, blobs: Blobs, sessions: Sessions
) -> None:
    still = picture()
    data = encoded(still, "WEBP", save_all=True, append_images=[picture(seed=2)], duration=100)
    clip = ImageOutcome(still, "img_content", ClipOutcome(data, ClipFormat.WEBP))
    job = await started(ledger)
    assert await succeed_with(ledger, blobs, signer(), job, replace(outcome(), images=[clip], provenance={}))
    done = await ledger.get(job.id)
    assert done.result is not None
    async with sessions() as session:
        row = await session.get_one(ImageRow, done.result["images"][0])
    assert row.provenance == {"signed": True, "watermark": False, "nearest_example": None}
    assert state(await blobs.get(row.blob_key), "image/webp") == "Valid"

    sheet = ResultFile("png", "image/png", encoded(still))
    notes = ResultFile("mid", "audio/midi", b"MThd")
    job = await started(ledger)
    piece = Piece([sheet, notes], {})
    assert await succeed_with(
        ledger, blobs, signer(), job, Outcome(steps=0, seconds=0, provenance={"seed": 1}, pieces=[piece])
    )
    async with sessions() as session:
        rows = {row.form: row for row in await session.scalars(select(FileRow))}
    assert await blobs.get(rows["mid"].blob_key) == notes.data
    stored = await blobs.get(rows["png"].blob_key)
    assert (state(stored, "image/png"), rows["png"].size_bytes) == ("Valid", len(stored))
    assert {"seed": 1} in [each["data"] for each in read(stored, "image/png")["assertions"]]
