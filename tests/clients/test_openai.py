"""OpenAI's own client against the real service: it edits photos here, and raises its own exceptions."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from PIL import Image

from app.api.services import Container
from app.auth.principal import Scope
from app.auth.repository import create_key
from app.settings import Settings
from tests.support.fake_worker import FakeWorker
from tests.support.pictures import encoded, picture, png
from tests.support.problems import check_problem
from tests.support.served import Service, running_service

SETS = Path(__file__).parents[2] / "app" / "studio" / "pictures"
PHOTO = ("photo.png", png(96, 64, seed=9))
EXAMPLES = [(f"{seed}.png", png(seed=seed)) for seed in range(5)]
NOBODY = {"Authorization": ""}
"""For a service that asks for no key: theirs always sends one."""


@pytest.fixture
def client(served: Service) -> Any:
    with OpenAI(base_url=f"{served.url}/v1", api_key="none", default_headers=NOBODY) as client:
        yield client


def image_of(data: str | None) -> Image.Image:
    assert data is not None
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_a_picture_without_a_photo_is_refused_with_what_to_call_instead(client: OpenAI):
    with pytest.raises(openai.NotFoundError, match=r"images\.edit") as refused:
        client.images.generate(prompt="a lighthouse", model="hokusai")
    assert refused.value.code == "not_found"


def test_a_photo_is_edited_with_five_examples_and_the_style_used_again(client: OpenAI):
    learned = client.images.edit(image=[PHOTO, *EXAMPLES], prompt="Blocks of colour", quality="low")
    (result,) = learned.data or []
    assert (image_of(result.b64_json).format, image_of(result.b64_json).size) == ("PNG", (96, 64))
    assert (learned.size, learned.output_format, learned.quality) == ("96x64", "png", "low")

    (style,) = [model for model in client.models.list() if getattr(model, "name", "") == "Blocks of colour"]
    assert client.models.retrieve(style.id) == style
    again = client.images.edit(
        image=PHOTO,
        prompt="of no meaning here",
        model=style.id,
        size="48x48",
        output_format="webp",
        output_compression=60,
        response_format="url",
    )
    (result,) = again.data or []
    picture = httpx.get(str(result.url), trust_env=False)
    assert picture.headers["content-type"] == "image/webp"
    assert Image.open(io.BytesIO(picture.content)).size == (48, 32)


def test_two_partial_images_are_streamed_before_the_picture(client: OpenAI):
    stream = client.images.edit(
        image=[PHOTO, *EXAMPLES], prompt="Blocks", stream=True, partial_images=2, output_format="jpeg"
    )
    events = list(stream)
    assert [event.type for event in events] == [
        "image_edit.partial_image",
        "image_edit.partial_image",
        "image_edit.completed",
    ]
    assert [getattr(event, "partial_image_index", None) for event in events] == [0, 1, None]
    assert [image_of(event.b64_json).format for event in events] == ["JPEG"] * 3
    assert image_of(events[-1].b64_json).size == (96, 64)
    first, second = (np.asarray(image_of(event.b64_json).resize((48, 32)), int) for event in events[:2])
    assert np.abs(first - second).mean() > 4, "the style comes closer"


def test_a_preset_is_a_model_by_its_short_name_and_a_mask_says_where(client: OpenAI):
    names = {model.id for model in client.models.list()}
    assert {"fewstroke", client.models.retrieve("hokusai").id} <= names
    mask = picture(96, 64, mode="RGB").convert("RGBA")
    mask.paste((0, 0, 0, 0), (0, 0, 48, 64))
    edited = client.images.edit(image=PHOTO, mask=("m.png", encoded(mask)), prompt="x", model="hokusai")
    photo = np.asarray(Image.open(io.BytesIO(PHOTO[1])))
    result = np.asarray(image_of((edited.data or [])[0].b64_json))
    assert (result[:, 48:] == photo[:, 48:]).all(), "opaque: it stays"
    assert (result[:, :48] != photo[:, :48]).mean() > 0.5, "transparent: it is drawn"


def test_the_examples_of_the_documentation_run(
    served: Service, folder: Path, capsys: pytest.CaptureFixture[str]
):
    page = (SETS.parents[2] / "docs" / "integrations.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 4
    names: dict[str, Any] = {}
    for block in (*blocks[3:], *blocks[:3]):  # how to do without a key, and then the rest without one
        block = block.replace("http://127.0.0.1:8000", served.url)
        if "client = OpenAI" in block and "client" in names:
            block = re.sub(r"^client = .*$", "", block, flags=re.MULTILINE)
        exec(f"from openai import OpenAI\n{block}", names)
    names["client"].close()
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("96x64 ")
    assert any(line.endswith(" Waves") for line in said)
    assert said[-1] == "image_edit.completed"


REFUSED: list[tuple[dict[str, Any], type[openai.APIStatusError], str, str | None]] = [
    ({"image": PHOTO}, openai.BadRequestError, "files_missing", "image"),
    ({"image": [PHOTO, PHOTO], "model": "hokusai"}, openai.BadRequestError, "too_many_files", "image"),
    ({"image": PHOTO, "model": "gpt-image-2"}, openai.NotFoundError, "style_not_found", None),
    (
        {"image": ("a.png", b"text"), "model": "hokusai"},
        openai.BadRequestError,
        "image_format_unsupported",
        None,
    ),
    ({"image": [PHOTO, PHOTO], "n": 2}, openai.BadRequestError, "validation_failed", "n"),
    ({"image": [PHOTO, PHOTO], "size": "big"}, openai.BadRequestError, "validation_failed", "size"),
    ({"image": [PHOTO, PHOTO], "size": "9999x1"}, openai.BadRequestError, "validation_failed", "size"),
    (
        {"image": [PHOTO, PHOTO], "background": "transparent"},
        openai.BadRequestError,
        "validation_failed",
        "background",
    ),
    (
        {"image": [PHOTO, PHOTO], "output_compression": 5},
        openai.BadRequestError,
        "validation_failed",
        "output_compression",
    ),
    (
        {"image": [PHOTO, PHOTO], "partial_images": 1},
        openai.BadRequestError,
        "validation_failed",
        "partial_images",
    ),
    (
        {"image": PHOTO, "model": "hokusai", "mask": ("m.png", png())},
        openai.BadRequestError,
        "validation_failed",
        None,
    ),
]


def test_refusals_arrive_as_its_exceptions(client: OpenAI, subtests: pytest.Subtests):
    for asked, kind, code, param in REFUSED:
        with subtests.test(f"{asked.keys()} {code}"):
            with pytest.raises(kind) as refused:
                client.images.edit(prompt="x", **asked)
            assert (refused.value.code, refused.value.param) == (code, param)
            assert refused.value.type == "invalid_request_error"


@pytest.fixture
async def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"auth": "keys", "requests_per_minute": 4, "max_wait_seconds": 0})


@pytest.fixture
async def theirs(live: httpx.AsyncClient, fake_worker: FakeWorker) -> AsyncIterator[AsyncOpenAI]:
    """Their client with a key of ada's, at a service without patience."""
    services: Container = live.app.state.container  # type: ignore[attr-defined]
    _, key = await create_key(services.sessions, owner="ada", name="", scopes=[Scope.READ, Scope.WRITE])
    async with AsyncOpenAI(base_url=f"{live.base_url}/v1", api_key=key, max_retries=0) as client:
        yield client


async def test_keys_and_rates_are_those_of_the_service(theirs: AsyncOpenAI, live: httpx.AsyncClient):
    services: Container = live.app.state.container  # type: ignore[attr-defined]
    with pytest.raises(openai.AuthenticationError) as unknown:
        await theirs.with_options(api_key="sk-of-somebody-else").models.list()
    assert unknown.value.code == "unauthenticated"
    _, reading = await create_key(services.sessions, owner="bob", name="", scopes=[Scope.READ])
    with pytest.raises(openai.PermissionDeniedError):
        await theirs.with_options(api_key=reading).images.edit(image=[PHOTO, *EXAMPLES], prompt="x")
    for _ in range(4):
        await theirs.models.list()
    with pytest.raises(openai.RateLimitError) as refused:
        await theirs.models.list()
    assert (refused.value.code, refused.value.type) == ("rate_limited", "rate_limit_error")


async def test_what_is_not_done_in_time_is_not_begun_again(theirs: AsyncOpenAI, fake_worker: FakeWorker):
    patient = theirs.with_options(max_retries=2, default_headers={"Idempotency-Key": "mine"})
    with pytest.raises(openai.InternalServerError) as late:
        await patient.images.edit(image=[PHOTO, *EXAMPLES], prompt="x")
    assert (late.value.status_code, late.value.code) == (504, "wait_timeout")
    assert late.value.response.headers["x-should-retry"] == "false"
    job = await fake_worker.do_one()
    done = await patient.images.edit(image=[PHOTO, *EXAMPLES], prompt="x")
    assert done.created == int(job.created_at.timestamp())
    assert image_of((done.data or [])[0].b64_json).size == (96, 64)


async def test_a_failure_in_a_stream_is_raised(theirs: AsyncOpenAI, fake_worker: FakeWorker, live: Any):
    services: Container = live.app.state.container
    stream = await theirs.images.edit(image=[PHOTO, *EXAMPLES], prompt="x", stream=True)
    job, delivery = await fake_worker.take()
    await services.ledger.fail(job.id, 1, code="out_of_memory", detail="Too large: send a smaller photo.")
    await delivery.ack()
    with pytest.raises(openai.APIError, match="Too large") as failed:
        [event async for event in stream]
    assert failed.value.code == "job_failed"


async def test_both_shapes_of_models_and_of_errors(theirs: AsyncOpenAI, live: httpx.AsyncClient):
    header = {"Authorization": f"Bearer {theirs.api_key}"}
    body = (await live.get("/v1/models", headers=header)).json()
    assert (body["object"], body["data"][0]["object"]) == ("list", "model")
    assert body["items"][0]["max_steps"] == 100
    answer = await live.get("/v1/models/sty_none", headers=header)
    problem = check_problem(answer, 404, "style_not_found")
    assert problem["error"] == {
        "message": problem["detail"],
        "type": "invalid_request_error",
        "param": None,
        "code": "style_not_found",
    }
    other = check_problem(await live.get("/v1/styles/sty_none", headers=header), 404, "style_not_found")
    assert "error" not in other, "for its clients only"


@pytest.mark.process
@pytest.mark.timeout(600)
async def test_the_shipped_model_edits_a_photo(tmp_path: Path):
    """The command that users run, with real pictures and no inner steps."""
    command = ("-m", "app.cli", "serve")
    photo, *examples = [*SETS.glob("small/cat.webp"), *sorted(SETS.glob("sets/crane-*-small.webp"))]
    async with (
        running_service(tmp_path / "data", command) as service,
        AsyncOpenAI(base_url=f"{service.url}/v1", api_key="none", default_headers=NOBODY) as client,
    ):
        stream = await client.images.edit(
            image=[photo, *examples],
            prompt="Toy books",
            size="128x128",
            quality="low",
            stream=True,
            partial_images=1,
            timeout=300,
        )
        events = [event async for event in stream]
    assert [event.type for event in events] == ["image_edit.partial_image", "image_edit.completed"]
    drawn = image_of(events[-1].b64_json)
    assert max(drawn.size) == 128
    before = Image.open(photo).convert("RGB").resize(drawn.size)
    assert np.abs(np.asarray(drawn, int) - np.asarray(before, int)).mean() > 5
