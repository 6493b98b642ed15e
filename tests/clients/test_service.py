"""The clients against the real service: what they send is taken, what it answers is understood."""

from __future__ import annotations

import asyncio
import io
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from app.auth.principal import Scope
from app.auth.repository import create_key
from fewstroke_client import (
    AsyncClient,
    Client,
    ConflictError,
    ForbiddenError,
    InvalidRequestError,
    JobFailedError,
    NotFoundError,
    PreviewEvent,
    ProgressEvent,
    StateEvent,
    UnauthenticatedError,
    WaitTimeoutError,
)
from model.music.midi import write_midi
from model.music.reading import read_work
from tests.model.music.conftest import make_song
from tests.support.fake_worker import FakeWorker
from tests.support.pictures import png
from tests.support.served import Service

POEMS = Path(__file__).parents[2] / "demo" / "poems" / "libai.txt"


@pytest.fixture
def client(served: Service) -> Any:
    with Client(str(served.http.base_url)) as client:
        yield client


def test_a_file_in_a_file_out(client: Client, folder: Path):
    seen: list[Any] = []
    picture = client.stylize_photo(
        "photo.jpg",
        examples=["a.jpg", Path("b.jpg").read_bytes()],
        output="out.webp",
        steps=3,
        on_event=seen.append,
        timeout=60,
    )
    assert picture.media_type == "image/webp"
    assert Path("out.webp").read_bytes() == picture.data
    assert Image.open(io.BytesIO(picture.data)).size == (96, 64)
    assert client.get_image(picture.image_id).job_id == picture.job_id
    assert client.get_style(picture.style_id).status == "ready"
    steps = [event.step for event in seen if isinstance(event, ProgressEvent) and event.phase == "adapt"]
    assert steps == sorted(steps)
    assert steps[-1] == 3
    previews = [event for event in seen if isinstance(event, PreviewEvent)]
    assert Image.open(io.BytesIO(previews[0].data)).format == "JPEG"
    assert seen[-1].over

    again = client.stylize_photo("photo.jpg", style=picture.style_id, size=64, mask="sky.png", feather=2)
    assert Image.open(io.BytesIO(again.data)).size == (64, 43)


def test_a_style_from_making_to_deleting(client: Client, folder: Path):
    style = client.learn_style(["a.jpg", "b.jpg"], name="Gold", steps=2, contents=["photo.jpg"], timeout=60)
    assert (style.status, style.name) == ("ready", "Gold")
    assert style.header is not None
    assert style.header["steps"] == 2
    assert client.update_style(style, name="Old gold").name == "Old gold"
    assert client.update_style(style, name=None).name is None
    assert style.id in [found.id for found in client.list_styles(status=["ready"])]

    data = client.export_style(style, "gold.safetensors")
    assert Path("gold.safetensors").read_bytes() == data
    twin = client.import_style("gold.safetensors", name="Twin", idempotency_key="import-once")
    assert client.import_style("gold.safetensors", name="Twin", idempotency_key="import-once").id == twin.id
    assert (twin.status, twin.header) == ("ready", style.header)
    with pytest.raises(ConflictError) as refused:  # it is of this checkpoint
        client.relearn_style(style)
    assert refused.value.code == "style_not_relearnable"
    client.delete_style(style)
    with pytest.raises(NotFoundError) as caught:
        client.get_style(style)
    assert caught.value.code == "style_not_found"


def test_a_batch_in_a_blend_as_a_zip(client: Client, folder: Path):
    one = client.learn_style(["a.jpg"], steps=1, timeout=60)
    two = client.learn_style(["b.jpg"], steps=1, timeout=60)
    done = client.stylize(
        ["photo.jpg", b"no picture", "harbour.jpg"],
        {one.id: 3, two.id: 1},
        strength=0.8,
        abstraction=0.6,
        stroke_size=2,
        preserve_color=True,
        label="top-left",
        format="jpeg",
        timeout=60,
    )
    assert {share.id: share.weight for share in done.styles} == {one.id: 0.75, two.id: 0.25}
    assert (done.settings.strength, done.settings.preserve_color, done.settings.format) == (0.8, True, "jpeg")
    assert (done.settings.abstraction, done.settings.stroke_size, done.settings.label) == (0.6, 2, "top-left")
    assert [item.status for item in done.items] == ["succeeded", "failed", "succeeded"]
    assert done.items[1].error is not None
    assert done.items[1].error.code == "image_format_unsupported"
    client.download_zip(done, "all.zip")
    with zipfile.ZipFile("all.zip") as archive:
        names = archive.namelist()
        assert sorted(names) == ["001-photo.jpeg", "003-harbour.jpeg", "manifest.json"]
        assert archive.read("001-photo.jpeg") == client.download_image(done.images[0])
    assert not Path("all.zip.part").exists()
    assert done.id in [found.id for found in client.list_stylizations(style_id=one.id)]
    assert {image.role for image in client.list_images(job_id=done.job.id)} == {"content", "result"}
    client.delete_stylization(done)
    with pytest.raises(NotFoundError):
        client.download_zip(done, "gone.zip")
    assert not Path("gone.zip").exists()


def test_a_job_that_is_canceled_and_tried_again(client: Client, folder: Path, served: Service):
    hold = served.data_dir / "hold"
    hold.touch()
    try:
        accepted = client.create_style(["a.jpg"], steps=5)
        with pytest.raises(WaitTimeoutError, match="it goes on"):
            client.wait(accepted.job, timeout=0.2)
        client.cancel_job(accepted.job)
        with pytest.raises(JobFailedError) as caught:
            client.wait(accepted.job, timeout=60)
        assert caught.value.code == "job_canceled"
        assert client.cancel_job(accepted.job).state == "canceled"
    finally:
        hold.unlink()
    retried = client.retry_job(caught.value.job)
    assert retried.retry_of == accepted.job.id
    assert client.wait(retried, timeout=60).state == "succeeded"
    assert client.get_style(accepted.style).status == "ready"
    with pytest.raises(ConflictError):
        client.cancel_job(retried)


def test_what_the_service_is(client: Client):
    assert client.ready().status == "ready"
    (model,) = client.models()
    assert model.default_steps == 20


def test_a_refusal_has_code_sentence_and_fields(client: Client, folder: Path):
    with pytest.raises(InvalidRequestError) as caught:
        client.create_style(["a.jpg"], steps=10**6)
    assert caught.value.code == "validation_failed"
    assert caught.value.errors[0]["field"] == "steps"
    assert "steps" in str(caught.value)


async def test_the_asynchronous_client_does_the_same(served: Service, folder: Path):
    async with AsyncClient(str(served.http.base_url)) as client:
        picture = await client.stylize_photo(
            "photo.jpg", examples=["a.jpg"], steps=1, output="out.png", timeout=60
        )
        assert picture.media_type == "image/png"
        done = await client.stylize(["photo.jpg", "harbour.jpg"], picture.style_id, timeout=60)
        await client.download_zip(done, "all.zip")
        with zipfile.ZipFile("all.zip") as archive:
            assert len(archive.namelist()) == 3
        assert picture.job_id in [job.id async for job in client.list_jobs(state=["succeeded"])]
        data = await client.export_style(picture.style_id)
        assert (await client.import_style(data)).status == "ready"


async def test_the_same_key_makes_nothing_again(url: str, fake_worker: FakeWorker):
    async with AsyncClient(url) as client:
        first = await client.create_style([png()], idempotency_key="once")
        again = await client.create_style([png()], idempotency_key="once")
        assert again.job.id == first.job.id
        with pytest.raises(InvalidRequestError) as caught:
            await client.create_style([png(seed=5)], idempotency_key="once")
        assert caught.value.code == "idempotency_key_reused"


async def test_events_are_resumed_when_the_connection_is_cut(url: str, fake_worker: FakeWorker):
    """A proxy that cuts every stream after an event: nothing is lost and nothing comes twice."""

    class Cutting(httpx.AsyncHTTPTransport):
        cuts = 0

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            response = await super().handle_async_request(request)
            if not request.url.path.endswith("/events"):
                return response
            assert isinstance(response.stream, httpx.AsyncByteStream)
            inner: httpx.AsyncByteStream = response.stream

            class Cut(httpx.AsyncByteStream):
                async def __aiter__(self):
                    read = b""
                    async for chunk in inner:
                        read += chunk
                        whole, blank, _ = read.partition(b"\n\n")
                        if blank and b"id: " in whole:
                            yield whole + b"\n\nid: 999\nevent: st"
                            Cutting.cuts += 1
                            raise httpx.ReadError("cut")
                        if blank:  # a comment, or the ledger's last word
                            yield read
                            read = b""

                async def aclose(self) -> None:
                    await inner.aclose()

            return httpx.Response(response.status_code, headers=response.headers, stream=Cut())

    async with AsyncClient(url, transport=Cutting()) as client:
        accepted = await client.create_style([png()])
        seen: list[Any] = []
        following = asyncio.create_task(client.wait(accepted.job, timeout=60, on_event=seen.append))
        job, delivery = await fake_worker.take()
        for step in range(3):
            await fake_worker.progress(job, step)
        await fake_worker.finish(job, delivery)
        assert (await following).state == "succeeded"
    assert [event.step for event in seen if isinstance(event, ProgressEvent)] == [0, 1, 2]
    assert [event.state for event in seen if isinstance(event, StateEvent)] == [
        "queued",
        "running",
        "succeeded",
    ]
    assert Cutting.cuts >= 4


async def test_keys_and_scopes(
    url: str, fake_worker: FakeWorker, live: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
):
    sessions = live.app.state.container.sessions  # type: ignore[attr-defined]
    _, reader = await create_key(sessions, owner="ann", name="test", scopes=[Scope.READ])
    async with AsyncClient(url, reader[:-4] + "AAAA") as client:
        with pytest.raises(UnauthenticatedError, match="no such key"):
            await client.models()
    monkeypatch.setenv("FEWSTROKE_KEY", reader)
    async with AsyncClient(url) as client:
        assert [style async for style in client.list_styles()] == []
        with pytest.raises(ForbiddenError, match="write"):
            await client.create_style([png()])


def test_poems_in_poems_out(client: Client, folder: Path):
    style = client.learn_style([POEMS], steps=0, timeout=100)
    assert (style.modality, style.status) == ("poems", "ready")
    done = client.write_poems({style.id: 1}, form="wujue", seed=3, timeout=100)
    (piece,) = done.items
    assert (piece.about.form, piece.about.seed, done.settings["form"]) == ("wujue", 3, "wujue")
    assert piece.about.originality.training.longest <= 4
    assert piece.about.text in client.download_file(piece.files[0]).decode()
    client.download_poem(done, "all.zip")
    with zipfile.ZipFile("all.zip") as archive:
        assert sorted(archive.namelist()) == ["001.json", "001.md", "001.txt", "manifest.json"]
    with pytest.raises(InvalidRequestError):
        client.create_story("sty_x", length=1)
    assert [found.id for found in client.list_poems(style_id=style.id)] == [done.id]
    client.delete_poem(done)
    with pytest.raises(NotFoundError):
        client.get_poem(done)


def test_songs_in_songs_out(client: Client, folder: Path):
    Path("walk.mid").write_bytes(write_midi(make_song(1)))
    style = client.learn_style(["walk.mid", write_midi(make_song(2))], steps=0, timeout=100)
    assert (style.modality, style.status) == ("music", "ready")
    assert style.id in [found.id for found in client.list_styles(modality="music")]
    seen: list[Any] = []
    done = client.compose(
        {style.id: 1}, bars=2, seed=3, forms=["mid", "json"], timeout=100, on_event=seen.append
    )
    assert any(isinstance(event, ProgressEvent) and event.phase == "generate" for event in seen)
    (piece,) = done.items
    assert (piece.about.bars, piece.about.seed, done.settings["bars"]) == (2, 3, 2)
    assert piece.about.originality.examples.longest >= 0
    data = client.download_file(piece.file("mid"), "out.mid")
    assert len(read_work(data).bars) == 2
    assert client.get_file(piece.file("json")).media_type == "application/json"
    client.download_composition(done, "all.zip")
    with zipfile.ZipFile("all.zip") as archive:
        assert sorted(archive.namelist()) == ["001.json", "001.mid", "manifest.json"]
    primed = client.create_composition(style, primer="walk.mid", bars=2, forms=["mid"])
    client.wait(primed.job, timeout=100)
    assert {file.role for file in client.list_files(job_id=primed.job.id)} == {"input", "result"}
    assert primed.composition.id in [found.id for found in client.list_compositions(style_id=style.id)]
    with pytest.raises(InvalidRequestError):
        client.create_composition(style, bars=1)
    client.delete_file(piece.file("json"))
    client.delete_composition(done)
    with pytest.raises(NotFoundError):
        client.get_composition(done)
