"""A modality that the service does not come with goes through all of it, from upload to result."""

from __future__ import annotations

import ast
import io
import json
import zipfile
from pathlib import Path

import httpx
import pytest

from tests.app.modalities.conftest import StartWorker
from tests.app.modalities.kinds import HUMS, learn, texts, until
from tests.support.events import parse_sse
from tests.support.pictures import png

ROOT = Path(__file__).parents[3]
PICTURES = ("PIL", "model.image", "app.images", "app.stylizations", "app.imaging.normalize")
SEAM = [
    "model/modality.py",
    "model/modalities.py",
    "app/medium.py",
    "app/worker/learning.py",
    "app/worker/run_generation.py",
    *(f"app/{package}" for package in ("files", "generations", "music")),
    "model/music/modality.py",
    "tests/app/modalities/text.py",
]


async def test_text_goes_through_the_whole_service(
    live: httpx.AsyncClient, start_worker: StartWorker
) -> None:
    await start_worker()
    body = await learn(live, name="Hum")
    assert (body["style"]["modality"], body["job"]["modality"], body["job"]["kind"]) == (
        "text",
        "text",
        "adapt",
    )
    job = await until(live, body["job"]["id"], "succeeded")
    assert job["result"]["losses"]["end"]["nats"] < job["result"]["losses"]["start"]["nats"]

    style_id = body["style"]["id"]
    style = (await live.get(f"/v1/styles/{style_id}")).json()
    assert (style["status"], style["header"]["modality"], style["header"]["k"]) == ("ready", "text", 2)

    events = parse_sse((await live.get(f"/v1/jobs/{job['id']}/events")).text.splitlines())
    steps = [event["data"] for event in events if event["event"] == "progress"]
    assert [step["step"] for step in steps] == list(range(7))
    assert {step["phase"] for step in steps} == {"adapt"}
    assert events[-1]["data"]["state"] == "succeeded"

    # The file goes out, and in again as another style.
    file = (await live.get(f"/v1/styles/{style_id}/file")).content
    imported = await live.post("/v1/styles/import", files={"file": ("s.safetensors", file)})
    assert (imported.status_code, imported.json()["modality"]) == (201, "text"), imported.text

    answer = await live.post(
        "/v1/texts",
        data={
            "style_id": [style_id, imported.json()["id"]],
            "weight": ["1", "3"],
            "count": "2",
            "length": "30",
        },
        files=texts("beginning", b"Hum a"),
        headers={"Prefer": "wait=60"},
    )
    assert answer.status_code == 200, answer.text
    text = answer.json()["text"]
    assert [item["about"] for item in text["items"]] == [
        {"letters": 30, "seed": 0},
        {"letters": 30, "seed": 1},
    ]
    first, second = [[await _content(live, file["url"]) for file in item["files"]] for item in text["items"]]
    assert set(first[0].decode()) == set("ab "), "as the examples"
    assert first[0] != second[0]
    assert json.loads(first[1])["text"].encode() == first[0]
    (told,) = {
        event["data"]["phase"]
        for event in parse_sse((await live.get(text["job"]["links"]["events"])).text.splitlines())
        if event["event"] == "progress"
    }
    assert told == "generate"

    url = f"/v1/texts/{text['id']}"
    archive = zipfile.ZipFile(io.BytesIO((await live.get(f"{url}/zip")).content))
    assert sorted(archive.namelist()) == ["001.json", "001.txt", "002.json", "002.txt", "manifest.json"]
    assert [item["id"] for item in (await live.get("/v1/texts")).json()["items"]] == [text["id"]]
    assert (await live.delete(url)).status_code == 204
    assert (await live.get(url)).json()["code"] == "generation_not_found"
    assert (await live.get(text["items"][0]["files"][0]["url"])).json()["code"] == "file_not_found"
    assert (await live.get("/v1/files", params={"role": "input"})).json()["items"] == []
    assert (await live.delete(f"/v1/styles/{style_id}")).status_code == 204
    assert (await live.get("/v1/files")).json()["items"] == [], "its examples went with the style"


async def _content(client: httpx.AsyncClient, url: str) -> bytes:
    answer = await client.get(url)
    assert answer.status_code == 200, answer.text
    return answer.content


async def test_what_does_not_fit_is_refused(live: httpx.AsyncClient) -> None:
    mixed = [*texts("examples", HUMS[0]), ("examples", ("1.png", png(), "image/png"))]
    answer = await live.post("/v1/styles", files=mixed)
    assert (answer.status_code, answer.json()["code"]) == (422, "examples_mixed")
    answer = await live.post("/v1/styles", files=texts("examples", HUMS[0], b"..."))
    assert (answer.status_code, answer.json()["code"]) == (422, "work_empty")
    assert answer.json()["detail"].startswith("File 2 of `examples`")
    answer = await live.post("/v1/styles", files=[*texts("examples", *HUMS), *texts("contents", HUMS[0])])
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "contents")
    answer = await live.post("/v1/styles", files=texts("examples", *HUMS), data={"steps": "51"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "steps")

    pending = (await learn(live))["style"]["id"]
    answer = await live.post("/v1/texts", data={"style_id": pending})
    assert (answer.status_code, answer.json()["code"]) == (409, "style_not_ready")
    for path, files in (("compositions", None), ("stylizations", {"contents": ("a.png", png())})):
        answer = await live.post(f"/v1/{path}", data={"style_id": pending}, files=files)
        assert (answer.status_code, answer.json()["code"]) == (409, "style_of_other_modality"), answer.text


@pytest.mark.parametrize("place", SEAM)
def test_the_seam_knows_nothing_of_pictures(place: str) -> None:
    path = ROOT / place
    for file in [path] if path.is_file() else path.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.startswith(PICTURES)], file
