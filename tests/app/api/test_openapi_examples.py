"""The examples in the description have the fields that the running service answers with."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import httpx
import pytest

from app.api.openapi_examples import ANSWERS
from app.api.services import Container
from app.infra.broker import LANES
from app.infra.facts import BASE, set_fact
from app.settings import Settings
from model.formats import StyleHeader
from model.music.midi import write_midi
from tests.model.music.conftest import make_song
from tests.model.text.test_reading import PROSE
from tests.support.fake_worker import FakeWorker
from tests.support.pictures import files, png, zipped


@pytest.fixture
async def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"webhook_allow_http": True})


def differences(shown: Any, real: Any, where: str) -> list[str]:
    """Where an example has other fields, or values of another kind, than the answer. Null fits anything,
    and what the fake worker of these tests writes of losses and headers does not count."""
    if shown is None or real is None or where.endswith((".header", ".losses")):
        return []
    if type(shown) is not type(real):
        return [f"{where}: {type(shown).__name__} for {type(real).__name__}"]
    if isinstance(real, dict):
        found = [f"{where}.{name}" for name in shown.keys() ^ real.keys()]
        return found + [
            difference
            for name in shown.keys() & real.keys()
            for difference in differences(shown[name], real[name], f"{where}.{name}")
        ]
    if isinstance(real, list) and shown and real:
        return differences(shown[0], real[0], f"{where}[0]")
    return []


def test_the_header_in_the_story_is_one() -> None:
    assert set(ANSWERS["getStyle", 200]["header"]) == {field.name for field in fields(StyleHeader)}


async def test_the_story_is_what_happens(
    client: httpx.AsyncClient, services: Container, fake_worker: FakeWorker
) -> None:
    told: set[str] = set()

    async def tell(name: str, method: str, path: str, **how: Any) -> Any:
        answer = await client.request(method, path, **how)
        example = ANSWERS[name, answer.status_code]
        assert differences(example, answer.json(), name) == []
        told.add(name)
        return answer.json()

    await tell(
        "postWebhook",
        "POST",
        "/v1/webhooks",
        json={"url": "http://example.com/in", "events": ["job.canceled"]},
    )
    (hook,) = (await tell("readWebhooks", "GET", "/v1/webhooks"))["items"]
    await tell("readWebhook", "GET", f"/v1/webhooks/{hook['id']}")
    await tell("patchWebhook", "PATCH", f"/v1/webhooks/{hook['id']}", json={"description": "x"})
    await tell("postSecret", "POST", f"/v1/webhooks/{hook['id']}/secret")

    dropped = await tell("createStyle", "POST", "/v1/styles", files=files(examples=png()))
    await tell("cancelJob", "POST", f"/v1/jobs/{dropped['job']['id']}/cancel")
    (message,) = (await tell("readDeliveries", "GET", f"/v1/webhooks/{hook['id']}/deliveries"))["items"]
    address = f"/v1/webhooks/{hook['id']}/deliveries/{message['id']}/redeliver"
    await tell("postRedelivery", "POST", address)
    await tell("retryJob", "POST", f"/v1/jobs/{dropped['job']['id']}/retry")
    ticket = await services.broker.next_job(LANES, timeout=20)
    assert ticket is not None
    await ticket.ack()  # of the canceled one
    job, delivery = await fake_worker.take()
    await fake_worker.finish(job, delivery)
    style = f"/v1/styles/{dropped['style']['id']}"
    await tell("getStyle", "GET", style)
    await tell("updateStyle", "PATCH", style, json={"name": "Waves"})
    data = (await client.get(f"{style}/file")).content
    await tell("importStyle", "POST", "/v1/styles/import", files=files(file=data))
    await tell("listStyles", "GET", "/v1/styles")

    uploads = files(contents=[png(), b"no picture"])
    made = await tell(
        "createStylization",
        "POST",
        "/v1/stylizations",
        files=uploads,
        data={"style_id": dropped["style"]["id"]},
    )
    await fake_worker.do_one()
    await tell("getStylization", "GET", f"/v1/stylizations/{made['stylization']['id']}")
    await tell("stylize", "POST", "/v1/stylize", files=files(examples=png(), content=png()))
    await fake_worker.do_one()
    async with fake_worker.busy():
        edit = files(**{"image[]": [png(), png(seed=1)]})
        await tell("editImage", "POST", "/v1/images/edits", files=edit, data={"prompt": "Waves"})
    await tell("getModel", "GET", f"/v1/models/{dropped['style']['id']}")
    await tell("listStylizations", "GET", "/v1/stylizations")

    asked = {"style_id": dropped["style"]["id"]}
    batch = await tell("createBatch", "POST", "/v1/batches", data=asked, files=zipped())
    await fake_worker.do_one()
    await tell("getBatch", "GET", f"/v1/batches/{batch['batch']['id']}")
    await tell("listBatches", "GET", "/v1/batches")

    songs = files(examples=write_midi(make_song(1)))
    learning = (await client.post("/v1/styles", files=songs)).json()
    await fake_worker.do_one()
    asked = {"style_id": learning["style"]["id"], "key": "Eb minor", "forms": ["mid"]}
    composed = await tell("createComposition", "POST", "/v1/compositions", data=asked)
    await fake_worker.do_one()
    await tell("getComposition", "GET", f"/v1/compositions/{composed['composition']['id']}")
    await tell("listCompositions", "GET", "/v1/compositions")
    (midi,) = (await tell("listFiles", "GET", "/v1/files", params={"role": "result"}))["items"]
    await tell("getFile", "GET", f"/v1/files/{midi['id']}")
    verse = "白日依山盡，黃河入海流。\n欲窮千里目，更上一層樓。\n".encode()
    sent = [("examples", ("poems.txt", verse, "text/plain"))]
    learning = (await client.post("/v1/styles", files=sent)).json()
    await fake_worker.do_one()
    asked = {"style_id": learning["style"]["id"], "title": "秋夜"}
    written = await tell("createPoem", "POST", "/v1/poems", data=asked)
    await fake_worker.do_one()
    await tell("getPoem", "GET", f"/v1/poems/{written['poem']['id']}")
    await tell("listPoems", "GET", "/v1/poems")
    sent = [("examples", ("chapter.txt", PROSE.encode(), "text/plain"))]
    learning = (await client.post("/v1/styles", files=sent)).json()
    await fake_worker.do_one()
    asked = {"style_id": learning["style"]["id"], "title": "The Lamp", "length": "30"}
    tale = await tell("createStory", "POST", "/v1/stories", data=asked)
    await fake_worker.do_one()
    await tell("getStory", "GET", f"/v1/stories/{tale['story']['id']}")
    await tell("listStories", "GET", "/v1/stories")
    await tell("listJobs", "GET", "/v1/jobs")
    await tell("getJob", "GET", f"/v1/jobs/{job.id}")
    (result, *_) = (await tell("listImages", "GET", "/v1/images", params={"role": "result"}))["items"]
    await tell("getImage", "GET", f"/v1/images/{result['id']}")
    made = (await client.get(result["url"])).content
    await tell("detect", "POST", "/v1/detections", files={"file": ("found.png", made)})
    share = await tell("shareImage", "PUT", f"/v1/images/{result['id']}/share")
    await tell("getShared", "GET", f"/v1/shared/{share['token']}")
    await tell("live", "GET", "/livez")
    await tell("ready", "GET", "/readyz")
    await tell("listModels", "GET", "/v1/models")
    await tell("getUsage", "GET", "/v1/usage")

    await set_fact(services.sessions, BASE, "ab" * 32)  # what a start with another checkpoint does
    await tell("relearnStyle", "POST", f"{style}/relearn")
    assert {name for name, _ in ANSWERS} - told == {"streamJobEvents", "readMetrics"}, "no JSON"
