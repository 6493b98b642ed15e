"""A result that others may see by its link, until its owner ends that."""

from __future__ import annotations

import httpx
import pytest

from app.api.services import Container
from app.auth.principal import Scope
from tests.support.fake_worker import FakeWorker
from tests.support.keys import key_for
from tests.support.pictures import files, png
from tests.support.problems import check_problem


@pytest.fixture
async def anna(services: Container) -> dict[str, str]:
    return await key_for(services.sessions, "anna")


async def result_of(client: httpx.AsyncClient, fake_worker: FakeWorker, headers: dict[str, str]) -> str:
    """The id of a new result."""
    await client.post(
        "/v1/stylize", files=files(examples=png(), content=png()), data={"name": "Waves"}, headers=headers
    )
    job = await fake_worker.do_one()
    assert job.result is not None
    image: str = job.result["images"][0]
    return image


async def test_a_link_shows_the_result_to_everybody_and_nothing_else(
    client: httpx.AsyncClient, fake_worker: FakeWorker, anna: dict[str, str]
) -> None:
    image = await result_of(client, fake_worker, anna)
    answer = await client.put(f"/v1/images/{image}/share", headers=anna)
    assert answer.status_code == 200
    share = answer.json()
    assert share["url"] == f"/#/shared/{share['token']}"
    again = await client.put(f"/v1/images/{image}/share", headers=anna)
    assert again.json() == share, "asked for again, it is the same link"

    answer = await client.get(f"/v1/shared/{share['token']}")
    assert answer.headers["cache-control"] == "no-store"
    shown = answer.json()
    assert (shown["styles"], shown["preset_id"]) == (["Waves"], None)
    assert not {"owner", "job_id", "image_id"} & shown.keys()
    for url in (shown["image_url"], shown["original_url"]):
        picture = await client.get(url)
        assert picture.status_code == 200
        assert picture.headers["content-type"].startswith("image/")
    assert shown["image_url"] != shown["original_url"]


async def test_the_owner_ends_a_link_and_a_new_one_is_another(
    client: httpx.AsyncClient, fake_worker: FakeWorker, anna: dict[str, str]
) -> None:
    image = await result_of(client, fake_worker, anna)
    first = (await client.put(f"/v1/images/{image}/share", headers=anna)).json()["token"]
    assert (await client.delete(f"/v1/images/{image}/share", headers=anna)).status_code == 204
    check_problem(await client.get(f"/v1/shared/{first}"), 404, "image_not_found")
    second = (await client.put(f"/v1/images/{image}/share", headers=anna)).json()["token"]
    assert second != first
    check_problem(await client.get(f"/v1/shared/{first}"), 404, "image_not_found")
    assert (await client.get(f"/v1/shared/{second}")).status_code == 200


async def test_a_link_ends_with_its_result_and_outlives_photo_and_style(
    client: httpx.AsyncClient, fake_worker: FakeWorker, anna: dict[str, str]
) -> None:
    image = await result_of(client, fake_worker, anna)
    token = (await client.put(f"/v1/images/{image}/share", headers=anna)).json()["token"]
    shown = (await client.get(f"/v1/images/{image}", headers=anna)).json()
    assert (await client.delete(f"/v1/images/{shown['source_id']}", headers=anna)).status_code == 204
    style = shown["provenance"]["styles"][0]["id"]
    assert (await client.delete(f"/v1/styles/{style}", headers=anna)).status_code == 204
    seen = (await client.get(f"/v1/shared/{token}")).json()
    assert (seen["original_url"], seen["styles"]) == (None, [])
    assert (await client.delete(f"/v1/images/{image}", headers=anna)).status_code == 204
    check_problem(await client.get(f"/v1/shared/{token}"), 404, "image_not_found")


async def test_only_the_owner_shares_and_only_results(
    client: httpx.AsyncClient,
    fake_worker: FakeWorker,
    services: Container,
    anna: dict[str, str],
) -> None:
    image = await result_of(client, fake_worker, anna)
    other = await key_for(services.sessions, "ben", Scope)
    for method in ("PUT", "DELETE"):
        answer = await client.request(method, f"/v1/images/{image}/share", headers=other)
        check_problem(answer, 404, "image_not_found")
    source = (await client.get(f"/v1/images/{image}", headers=anna)).json()["source_id"]
    check_problem(await client.put(f"/v1/images/{source}/share", headers=anna), 404, "image_not_found")
    check_problem(await client.get("/v1/shared/nothing"), 404, "image_not_found")
