"""Bad input is refused with the right status, a code and a sentence, and leaves nothing behind."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from safetensors.numpy import save

from app.api.services import Container
from app.http.body_limits import MAX_JSON_BYTES
from app.ids import new_id
from app.settings import KIB
from model.formats import METADATA_KEY, STYLE_FORMAT
from tests.app.imaging.test_normalize import animated, bomb
from tests.support.database import nothing_stored
from tests.support.fake_worker import FakeWorker, ready_style, style_bytes
from tests.support.pictures import encoded, files, picture, png
from tests.support.problems import check_problem

# One broken file among good ones: what is sent, and how it is refused.
BROKEN: list[tuple[str, Callable[[], bytes], int, str]] = [
    ("text named .jpg", lambda: b"I am no picture.\n" * 99, 415, "image_format_unsupported"),
    ("animated gif", lambda: animated("GIF"), 422, "image_animated"),
    ("animated webp", lambda: animated("WEBP"), 422, "image_animated"),
    ("truncated jpeg", lambda: encoded(picture(300, 300), "JPEG")[:-500], 422, "image_corrupt"),
    ("decompression bomb", bomb, 422, "image_too_large"),
    ("1x10000", lambda: encoded(picture(1, 10_000)), 422, "image_too_small"),
    ("40 MB", lambda: b"\xff\xd8\xff" + bytes(40_000_000), 413, "file_too_large"),
]


async def test_a_broken_file(
    client: httpx.AsyncClient, services: Container, subtests: pytest.Subtests
) -> None:
    for name, data, status, code in BROKEN:
        broken = data()
        with subtests.test(name):
            answer = await client.post("/v1/styles", files=files(examples=[png(), broken]))
            assert "File 2 of `examples`" in check_problem(answer, status, code)["detail"]
            answer = await client.post("/v1/stylize", files=files(examples=png(), content=broken))
            assert "`content`" in check_problem(answer, status, code)["detail"]
            assert await nothing_stored(services)


def case(
    path: str, status: int, code: str, says: str, *, fields: dict[str, str] | None = None, **request: Any
) -> tuple[str, int, str, str, dict[str, Any]]:
    """A request that is refused, and how."""
    return path, status, code, says, {**request, **({"data": fields} if fields else {})}


ONE = files(examples=png())
PAIR = files(examples=png(), content=png())
FORM = {"content-type": "multipart/form-data"}
BOUNDARY = {"content-type": "multipart/form-data; boundary=x"}
UNTOUCHED = b'--x\r\nContent-Disposition: form-data; name="examples"; filename=""\r\n\r\n\r\n--x--\r\n'
INVALID = "validation_failed"
NAMED = b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\n\xff\r\n--x--\r\n'
BAD_FORMS = {
    "a charset that is none": case(
        "styles",
        400,
        "multipart_invalid",
        "charset",
        content=NAMED,
        headers={"content-type": "multipart/form-data; boundary=x; charset=undefined"},
    ),
    "a field named in half a character": case(
        "styles",
        400,
        "multipart_invalid",
        "charset",
        content=UNTOUCHED.replace(b"examples", rb"\ud800").replace(b'""', b'"a.png"'),
        headers={"content-type": "multipart/form-data; boundary=x; charset=raw_unicode_escape"},
    ),
    "17 examples": case("styles", 422, "too_many_files", "at most 16", files=files(examples=[png()] * 17)),
    "no examples": case("styles", 422, "files_missing", "1 to 16", files=files(contents=png())),
    "no content": case("stylize", 422, "files_missing", "content", files=ONE),
    "two contents": case("stylize", 422, "too_many_files", "content", files=[*PAIR, *files(content=png())]),
    "no contents": case("stylizations", 422, "files_missing", "contents", files={"style_id": (None, "s")}),
    "file field": case("styles", 422, INVALID, "exmaples", files=files(exmaples=png())),
    "field": case("styles", 422, INVALID, "stepz", fields={"stepz": "3"}, files=ONE),
    "no file": case("styles", 422, INVALID, "@picture", files={"examples": (None, "a.jpg")}),
    "steps < 0": case("styles", 422, INVALID, "steps", fields={"steps": "-1"}, files=ONE),
    "steps > 100": case("styles", 422, INVALID, "steps", fields={"steps": "101"}, files=ONE),
    "steps in words": case("styles", 422, INVALID, "steps", fields={"steps": "five"}, files=ONE),
    "seed < 0": case("styles", 422, INVALID, "seed", fields={"seed": "-1"}, files=ONE),
    "empty name": case("styles", 422, INVALID, "name", fields={"name": ""}, files=ONE),
    "long name": case("styles", 422, INVALID, "name", fields={"name": "x" * 201}, files=ONE),
    "twice": case(
        "styles", 422, INVALID, "more than once", files=[*ONE, ("seed", (None, "1")), ("seed", (None, "2"))]
    ),
    "strength > 1.5": case("stylize", 422, INVALID, "strength", fields={"strength": "1.6"}, files=PAIR),
    "strength < 0": case("stylize", 422, INVALID, "strength", fields={"strength": "-0.1"}, files=PAIR),
    "abstraction > 1": case("stylize", 422, INVALID, "abstraction", fields={"abstraction": "2"}, files=PAIR),
    "abstraction < 0": case("stylize", 422, INVALID, "abstraction", fields={"abstraction": "-1"}, files=PAIR),
    "stroke size < 1/4": case(
        "stylize", 422, INVALID, "stroke_size", fields={"stroke_size": "0.2"}, files=PAIR
    ),
    "stroke size > 4": case("stylize", 422, INVALID, "stroke_size", fields={"stroke_size": "5"}, files=PAIR),
    "strength nan": case("stylize", 422, INVALID, "strength", fields={"strength": "nan"}, files=PAIR),
    "size > 8192": case("stylize", 422, INVALID, "size", fields={"size": "9000"}, files=PAIR),
    "size < 16": case("stylize", 422, INVALID, "size", fields={"size": "15"}, files=PAIR),
    "format": case("stylize", 422, INVALID, "format", fields={"format": "gif"}, files=PAIR),
    "weights without styles": case(
        "stylizations",
        422,
        INVALID,
        "1 weights for 2 styles",
        files=[
            *files(contents=png()),
            *(("style_id", (None, name)) for name in ("sty_a", "sty_b")),
            ("weight", (None, "1")),
        ],
    ),
    "a style twice": case(
        "stylizations",
        422,
        INVALID,
        "named twice",
        files=[*files(contents=png()), ("style_id", (None, "sty_a")), ("style_id", (None, "sty_a"))],
    ),
    "weights of nothing": case(
        "stylizations",
        422,
        INVALID,
        "every weight is 0",
        fields={"style_id": "sty_a", "weight": "0"},
        files=files(contents=png()),
    ),
    "weight nan": case(
        "stylizations",
        422,
        INVALID,
        "weight",
        fields={"style_id": "sty_a", "weight": "nan"},
        files=files(contents=png()),
    ),
    "9 styles": case(
        "stylizations",
        422,
        INVALID,
        "style_id",
        files=[*files(contents=png()), *(("style_id", (None, f"sty_{i}")) for i in range(9))],
    ),
    "outside of nothing": case(
        "stylizations",
        422,
        INVALID,
        "outside_style_id",
        fields={"style_id": "sty_a", "outside_style_id": "sty_b"},
        files=files(contents=png()),
    ),
    "feather without mask": case("stylize", 422, INVALID, "feather", fields={"feather": "2"}, files=PAIR),
    "quality of a png": case("stylize", 422, INVALID, "quality", fields={"quality": "80"}, files=PAIR),
    "seed of a rendering": case(
        "stylizations",
        422,
        INVALID,
        "seed",
        fields={"style_id": "sty_a", "seed": "1"},
        files=files(contents=png()),
    ),
    "a mask that is none": case(
        "stylize", 415, "image_format_unsupported", "`mask`", files=[*PAIR, *files(mask=b"nothing" * 9)]
    ),
    "no style": case("stylizations", 422, INVALID, "style_id", files=files(contents=png())),
    "unknown style": case(
        "stylizations",
        404,
        "style_not_found",
        "GET /v1/styles",
        fields={"style_id": new_id("sty")},
        files=files(contents=png()),
    ),
    "gzip": case(
        "styles",
        415,
        "unsupported_media_type",
        "without Content-Encoding",
        content=gzip.compress(UNTOUCHED),
        headers={**BOUNDARY, "content-encoding": "gzip"},
    ),
    "an encoding that is only claimed": case(
        "styles", 415, "unsupported_media_type", "(br)", headers={"content-encoding": "br"}, files=ONE
    ),
    "gzip without a word": case(
        "styles", 400, "multipart_invalid", "curl", content=gzip.compress(UNTOUCHED), headers=BOUNDARY
    ),
    "a file in gzip": case(
        "styles", 415, "image_format_unsupported", "gzip", files=files(examples=gzip.compress(png()))
    ),
    "a file in base64": case(
        "styles",
        415,
        "unsupported_media_type",
        "without Content-Transfer-Encoding",
        content=UNTOUCHED.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\naGk=", 1),
        headers=BOUNDARY,
    ),
    "json": case("styles", 415, "unsupported_media_type", "multipart", json={"examples": []}),
    "no body": case("styles", 415, "unsupported_media_type", "multipart"),
    "no boundary": case("styles", 400, "multipart_invalid", "boundary", content=b"x", headers=FORM),
    "garbage": case("styles", 400, "multipart_invalid", "curl", content=b"garbage", headers=BOUNDARY),
    "an untouched field of a browser": case(
        "styles", 422, "files_missing", "examples", content=UNTOUCHED, headers=BOUNDARY
    ),
    "style of nothing": case(
        "styles/import", 422, "style_file_invalid", "file", files=files(file=b"nothing")
    ),
    "empty style": case("styles/import", 422, "style_file_invalid", "file", files={"file": ("a", b"")}),
    "style of another base": case(
        "styles/import", 409, "style_base_mismatch", "base", files=files(file=style_bytes("f" * 64))
    ),
}


async def test_a_bad_form(client: httpx.AsyncClient, services: Container, subtests: pytest.Subtests) -> None:
    for name, (path, status, code, says, request) in BAD_FORMS.items():
        with subtests.test(name):
            answer = await client.post(f"/v1/{path}", **request)
            detail = check_problem(answer, status, code)["detail"]
            assert says in detail
            assert "Value error" not in detail
            assert await nothing_stored(services)


async def test_a_form_that_was_cut_off_makes_nothing(client: httpx.AsyncClient, services: Container) -> None:
    """Wherever it was cut: without its last part it would look like a whole one."""
    sent = client.build_request("POST", "/v1/styles", files=files(examples=[png(), png(seed=1)]))
    body, kind = sent.read(), sent.headers["content-type"]
    for end in (0, 1, 60, len(body) // 2, len(body) - 500, len(body) - 60, len(body) - 4, len(body) - 3):
        answer = await client.post("/v1/styles", content=body[:end], headers={"content-type": kind})
        assert "It is cut off" in check_problem(answer, 400, "multipart_invalid")["detail"], end
        assert await nothing_stored(services)
    for whole in (body, body.removesuffix(b"\r\n"), body + b"an epilogue"):
        answer = await client.post("/v1/styles", content=whole, headers={"content-type": kind})
        assert answer.status_code == 202, answer.text


async def test_a_picture_that_nobody_accepts(client: httpx.AsyncClient, services: Container) -> None:
    form = files(examples=png(), content=png())
    answer = await client.post("/v1/stylize", files=form, headers={"accept": "image/avif"})
    assert "image/png" in check_problem(answer, 406, "not_acceptable")["detail"]
    answer = await client.post(
        "/v1/stylize", files=form, data={"format": "jpeg"}, headers={"accept": "image/png"}
    )
    assert "image/jpeg" in check_problem(answer, 406, "not_acceptable")["detail"]
    assert await nothing_stored(services)


async def test_a_style_that_is_not_ready(client: httpx.AsyncClient, services: Container) -> None:
    created = (await client.post("/v1/styles", files=files(examples=png()))).json()
    form = {"files": files(contents=png()), "data": {"style_id": created["style"]["id"]}}
    answer = await client.post("/v1/stylizations", **form)  # type: ignore[arg-type]
    assert created["job"]["id"] in check_problem(answer, 409, "style_not_ready")["detail"]
    check_problem(await client.get(f"/v1/styles/{created['style']['id']}/file"), 409, "style_not_ready")
    await client.post(f"/v1/jobs/{created['job']['id']}/cancel")
    answer = await client.post("/v1/stylizations", **form)  # type: ignore[arg-type]
    assert "create it again" in check_problem(answer, 409, "style_not_ready")["detail"]


ABSENT = [
    ("GET", "/v1/styles/sty_none", "style_not_found"),
    ("GET", "/v1/styles/sty_none/file", "style_not_found"),
    ("GET", "/v1/styles/sty_none/onnx", "style_not_found"),
    ("DELETE", "/v1/styles/sty_none", "style_not_found"),
    ("GET", "/v1/jobs/job_none", "job_not_found"),
    ("GET", "/v1/jobs/job_none/events", "job_not_found"),
    ("POST", "/v1/jobs/job_none/cancel", "job_not_found"),
    ("GET", "/v1/images/img_none", "image_not_found"),
    ("GET", "/v1/images/img_none/content", "image_not_found"),
    ("GET", "/v1/stylizations/stz_none", "stylization_not_found"),
    ("GET", "/v2/styles", "not_found"),
]


async def test_what_does_not_exist(client: httpx.AsyncClient, subtests: pytest.Subtests) -> None:
    for method, path, code in ABSENT:
        with subtests.test(path):
            check_problem(await client.request(method, path), 404, code)


async def test_a_method_that_does_not_exist(client: httpx.AsyncClient) -> None:
    answer = await client.put("/v1/styles")
    check_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"]


async def test_bad_queries(client: httpx.AsyncClient, subtests: pytest.Subtests) -> None:
    for query in ("limit=0", "limit=101", "limit=x", "state=unheard", "after=garbage"):
        with subtests.test(query):
            problem = check_problem(await client.get(f"/v1/jobs?{query}"), 422, "validation_failed")
            assert query.partition("=")[0] in problem["errors"][0]["field"]


async def test_a_filter_that_a_list_does_not_have(
    client: httpx.AsyncClient, fake_worker: FakeWorker, subtests: pytest.Subtests
) -> None:
    """Ignored, it would let everything through."""
    hook = (await client.post("/v1/webhooks", json={"url": "https://a.example/"})).json()["id"]
    lists = ("jobs", "styles", "images", "stylizations", "webhooks", f"webhooks/{hook}/deliveries")
    for path in lists:
        with subtests.test(path):
            problem = check_problem(await client.get(f"/v1/{path}?stat=queued"), 422, "validation_failed")
            assert problem["errors"] == [{"field": "query.stat", "detail": "There is no such parameter"}]
            assert (await client.get(f"/v1/{path}?limit=1")).status_code == 200
    for query in ("state=queued&state=running&kind=adapt", "style_id=sty_x", "limit=2&after=job_" + "0" * 26):
        assert (await client.get(f"/v1/jobs?{query}")).status_code == 200


async def test_a_nul_in_an_id_names_nothing(client: httpx.AsyncClient, subtests: pytest.Subtests) -> None:
    for method, path, code in ABSENT:
        if "_none" in path:
            with subtests.test(path):
                check_problem(await client.request(method, path.replace("_none", "_%00")), 404, code)
    hook = (await client.post("/v1/webhooks", json={"url": "https://a.example/"})).json()["id"]
    again = await client.post(f"/v1/webhooks/{hook}/deliveries/msg_%00/redeliver")
    check_problem(again, 404, "delivery_not_found")
    check_problem(await client.get("/v1/webhooks/whk_%00"), 404, "webhook_not_found")


async def test_a_nul_in_a_value_is_refused(
    client: httpx.AsyncClient, fake_worker: FakeWorker, subtests: pytest.Subtests
) -> None:
    style = await ready_style(client, fake_worker)
    pictures = {"files": files(contents=png())}
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", "/v1/styles?name=a%00", {}),
        ("GET", "/v1/images?job_id=%00", {}),
        ("GET", "/v1/jobs?style_id=%00", {}),
        ("GET", "/v1/stylizations?style_id=%00", {}),
        ("PATCH", f"/v1/styles/{style}", {"json": {"name": "a\0b"}}),
        ("PATCH", f"/v1/styles/{style}", {"json": {"description": "\0"}}),
        ("POST", "/v1/styles", {"files": files(examples=png()), "data": {"name": "a\0b"}}),
        ("POST", "/v1/stylizations", {**pictures, "data": {"style_id": f"{style}\0"}}),
        ("POST", "/v1/stylizations", {**pictures, "data": {"style_id": style, "outside_style_id": "\0"}}),
        ("POST", "/v1/webhooks", {"json": {"url": "https://a.example/", "description": "a\0b"}}),
    ]
    for method, path, request in calls:
        with subtests.test(f"{method} {path}"):
            problem = check_problem(await client.request(method, path, **request), 422, "validation_failed")
            assert "NUL" in problem["detail"]


async def test_an_address_that_is_too_long_as_sent_or_once_it_is_escaped(client: httpx.AsyncClient) -> None:
    hook = (await client.post("/v1/webhooks", json={"url": "https://a.example/" + "a" * 1981})).json()["id"]
    refused = {"a" * 1982: "validation_failed", "é" * 400: "webhook_url_refused"}
    for path, code in refused.items():
        url = f"https://a.example/{path}"
        check_problem(await client.post("/v1/webhooks", json={"url": url}), 422, code)
        check_problem(await client.patch(f"/v1/webhooks/{hook}", json={"url": url}), 422, code)


async def test_a_bad_body_is_told_what_is_wrong_with_it(client: httpx.AsyncClient) -> None:
    as_json = {"Content-Type": "application/json"}
    torn = await client.post("/v1/webhooks", content=b'{"url"', headers=as_json)
    body = check_problem(torn, 422, "validation_failed")
    assert body["errors"] == [
        {"field": "body", "detail": "This is no JSON: Expecting ':' delimiter at character 6"}
    ]
    cut = await client.post("/v1/webhooks", content=b'{"url": "htt', headers=as_json)
    assert "starting at character 8" in check_problem(cut, 422, "validation_failed")["detail"]
    packed = {**as_json, "Content-Encoding": "gzip"}
    answer = await client.post("/v1/webhooks", content=gzip.compress(b"{}"), headers=packed)
    assert "without Content-Encoding" in check_problem(answer, 415, "unsupported_media_type")["detail"]
    assert answer.headers["accept-encoding"] == "identity"
    for other in ({"data": {"url": "https://a.example/"}}, {"content": b'{"url": "https://a.example/"}'}):
        answer = await client.post("/v1/webhooks", **other)
        problem = check_problem(answer, 415, "unsupported_media_type")
        assert "Content-Type: application/json" in problem["detail"]
    merge = {"Content-Type": "application/merge-patch+json; charset=utf-8"}
    absent = await client.patch("/v1/styles/sty_none", content=b"{}", headers=merge)
    check_problem(absent, 404, "style_not_found")
    unknown = await client.post("/v1/webhooks", json={"url": "https://a.example/", "nme": 1})
    body = check_problem(unknown, 422, "validation_failed")
    assert body["errors"] == [{"field": "body.nme", "detail": "There is no such field"}]


def json_routes(app: FastAPI) -> list[tuple[str, str]]:
    """Method and path of every call that takes JSON."""
    return [
        (method.upper(), path)
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    ]


async def test_a_json_body_that_is_too_large_is_not_read_on(
    client: httpx.AsyncClient, app: FastAPI, subtests: pytest.Subtests
) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 16 * KIB
            assert taken <= 2 * MAX_JSON_BYTES, "read far beyond what it may be"
            yield b" " * (16 * KIB)

    routes = json_routes(app)
    assert len(routes) >= 3
    for method, path in routes:
        for declared in ({}, {"Content-Length": str(MAX_JSON_BYTES + 1)}):
            with subtests.test(f"{method} {path} {declared}"):
                taken = 0
                headers = {"Content-Type": "application/json", **declared}
                answer = await client.request(method, path, content=endless(), headers=headers)
                check_problem(answer, 413, "payload_too_large")
                assert taken == 0 or not declared, "the length was known"
                taken = 0
                headers["Authorization"] = "Bearer fsk_no"
                answer = await client.request(method, path, content=endless(), headers=headers)
                check_problem(answer, 401, "unauthenticated")
                assert taken == 0, "a stranger's body was waited for"


async def test_a_json_body_may_be_as_large_as_any_that_makes_sense(
    client: httpx.AsyncClient, services: Container, fake_worker: FakeWorker
) -> None:
    style = await ready_style(client, fake_worker)
    description = "\U0001f58c" * 2000
    body = json.dumps({"description": description, "name": "n" * 200}, indent=2).encode()
    body += b" " * (MAX_JSON_BYTES - len(body))
    kind = {"Content-Type": "application/json"}
    answer = await client.patch(f"/v1/styles/{style}", content=body, headers=kind)
    assert (answer.status_code, answer.json()["description"]) == (200, description)


async def test_a_damaged_style_file_of_this_base(client: httpx.AsyncClient, services: Container) -> None:
    base = await services.checkpoint.base_hash()
    whole = style_bytes(base)
    answer = await client.post("/v1/styles/import", files=files(file=whole[:-4]))
    assert "damaged" in check_problem(answer, 422, "style_file_invalid")["detail"]
    mad = style_bytes(base, losses={"start": {"style": float("nan")}})
    answer = await client.post("/v1/styles/import", files=files(file=mad))
    assert "no numbers" in check_problem(answer, 422, "style_file_invalid")["detail"]
    assert await nothing_stored(services)


@pytest.mark.parametrize(
    "crafted",
    [
        {"k": float("inf")},
        {"steps": 1e999},
        {"seed": float("nan")},
        {"licence": "\ud800"},
        {"licence": "a\0b"},
        {"base_hash": "\ud800"},
        {"losses": {"start": {"style": 10**400}}},
        {"losses": {"start": {"\ud800": 1.0}}},
        {"losses": {"\udfff": {"style": 1.0}}},
    ],
    ids=repr,
)
async def test_a_style_file_with_a_crafted_header(
    client: httpx.AsyncClient, services: Container, crafted: dict[str, Any]
) -> None:
    plain = {"format": STYLE_FORMAT, "k": 1, "steps": 1, "seed": 0, "losses": {}}
    header = plain | {"base_hash": await services.checkpoint.base_hash()} | crafted
    tensors = {"gamma": np.zeros(8, dtype=np.float16)}
    file = save(tensors, metadata={METADATA_KEY: json.dumps(header)})
    answer = await client.post("/v1/styles/import", files=files(file=file))
    check_problem(answer, 422, "style_file_invalid")
    assert (await client.get("/v1/styles")).json()["items"] == []
    assert await nothing_stored(services)


async def test_a_full_queue(client: httpx.AsyncClient, services: Container, fake_worker: FakeWorker) -> None:
    services.jobs._max_active = 1
    style = await ready_style(client, fake_worker)
    assert (await client.post("/v1/styles", files=files(examples=png()))).status_code == 202
    before = await services.blobs.keys()
    for path, form, data in (
        ("styles", files(examples=png()), {}),
        ("stylizations", files(contents=png()), {"style_id": style}),
        ("stylize", files(examples=png(), content=png()), {}),
    ):
        answer = await client.post(f"/v1/{path}", files=form, data=data)
        check_problem(answer, 429, "queue_full")
        assert int(answer.headers["retry-after"]) > 0
    assert await services.blobs.keys() == before


async def test_a_queue_that_fills_up_meanwhile(
    client: httpx.AsyncClient, services: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def room(_owner: str) -> None:
        return None

    monkeypatch.setattr(services.jobs, "ensure_room", room)
    services.jobs._max_active = 0
    check_problem(await client.post("/v1/styles", files=files(examples=png())), 429, "queue_full")
    assert await nothing_stored(services)


async def test_a_request_that_declares_too_much_is_refused_unread(client: httpx.AsyncClient) -> None:
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    answer = await client.post(
        "/v1/styles",
        content=body(),
        headers={"content-type": "multipart/form-data; boundary=x", "content-length": str(10**9)},
    )
    check_problem(answer, 413, "payload_too_large")


async def test_a_request_that_is_larger_than_it_may_be(
    client: httpx.AsyncClient, services: Container
) -> None:
    services.settings.max_request_bytes = 100_000
    many = files(examples=[b"\xff\xd8\xff" + bytes(30_000)] * 4)
    request = client.build_request("POST", "/v1/styles", files=many)
    content = request.read()

    async def body() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 10_000):
            yield content[start : start + 10_000]

    kind = {"content-type": request.headers["content-type"]}
    check_problem(await client.post("/v1/styles", content=body(), headers=kind), 413, "payload_too_large")
    assert await nothing_stored(services)


async def test_refusals_reach_a_client_that_is_still_sending(live: httpx.AsyncClient) -> None:
    """Over a real connection the answer comes through, also when it was clear long before the last byte."""
    big = b"\xff\xd8\xff" + bytes(40_000_000)
    answer = await live.post("/v1/styles", files=files(examples=big))
    check_problem(answer, 413, "file_too_large")
    services: Container = live.app.state.container  # type: ignore[attr-defined]
    services.jobs._max_active = 0
    answer = await live.post("/v1/styles", files=files(examples=[big[:15_000_000]] * 2))
    check_problem(answer, 429, "queue_full")
    assert await nothing_stored(services)
