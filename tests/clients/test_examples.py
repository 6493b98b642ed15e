"""The programs in ``examples/`` against a real service, with stubs of what is too heavy to install."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import httpx
import pytest
import torch

from app.webhooks.signing import new_secret, signed_headers
from tests.support.served import Service
from tests.support.server import serve

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PHOTO = ROOT / "app" / "studio" / "pictures" / "photos" / "coffee.jpg"
WITHIN = 120  # s


def _load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{Path(path).parent.name}", EXAMPLES / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def service(served: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """The service, named by the environment."""
    monkeypatch.setenv("FEWSTROKE_URL", served.url)
    return served


def test_the_gradio_page_draws(service: Service, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = _load("gradio/app.py")
    made: dict[str, Any] = {}

    class RefusedError(Exception):
        pass

    def widget(*_args: Any, **_named: Any) -> object:
        return object()

    def interface(function: Any, inputs: list[object], output: object, title: str) -> object:
        made.update(function=function, inputs=len(inputs))
        return object()

    stub = SimpleNamespace(Image=widget, File=widget, Slider=widget, Interface=interface, Error=RefusedError)
    monkeypatch.setitem(sys.modules, "gradio", stub)
    example.page()
    assert made["inputs"] == 3
    assert made["function"]("photo.jpg", ["a.jpg", "b.jpg"], 0.5).size == (96, 64)
    with pytest.raises(RefusedError, match="Choose a photo"):
        made["function"](None, [], 1.0)
    (folder / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(RefusedError, match="send JPEG"):
        made["function"]("broken.jpg", ["a.jpg"], 1.0)


def test_the_comfyui_nodes_learn_and_apply(service: Service) -> None:
    """As ComfyUI calls them: by the names in the mappings, with the inputs that they declare."""
    nodes = _load("comfyui/__init__.py").NODE_CLASS_MAPPINGS

    def call(name: str, **given: Any) -> tuple[Any, ...]:
        kind = nodes[name]
        declared = kind.INPUT_TYPES()["required"]
        defaults = {key: spec[1]["default"] for key, spec in declared.items() if "default" in spec[-1]}
        assert set(defaults | given) == set(declared)
        answer = getattr(kind(), kind.FUNCTION)(**defaults | given)
        assert len(answer) == len(kind.RETURN_TYPES)
        return tuple(answer)

    random = torch.Generator().manual_seed(0)
    (style,) = call("FewstrokeLearnStyle", examples=torch.rand((2, 64, 96, 3), generator=random), steps=2)
    assert style.startswith("sty_")
    photos = torch.rand((2, 48, 80, 3), generator=random)
    (drawn,) = call("FewstrokeApplyStyle", images=photos, style_id=style)
    assert drawn.shape == photos.shape
    assert drawn.dtype == torch.float32
    assert 0 <= float(drawn.min()) < float(drawn.max()) <= 1
    assert float((drawn - photos).abs().mean()) > 0.02


async def test_the_front_end_draws(service: Service, folder: Path) -> None:
    app = _load("front_end/app.py").app
    async with serve(app) as url, httpx.AsyncClient(base_url=url, timeout=WITHIN, trust_env=False) as visitor:
        page = await visitor.get("/")
        assert page.text.count("<option") >= 8
        style = page.text.partition('<option value="')[2].partition('"')[0]
        photo = {"photo": ("photo.jpg", PHOTO.read_bytes())}
        drawn = await visitor.post("/drawn", data={"style": style}, files=photo)
        assert drawn.headers["content-type"].startswith("image/")
        refused = await visitor.post("/drawn", data={"style": style}, files={"photo": ("x.jpg", b"x")})
        assert refused.status_code == 415
        assert "send JPEG" in refused.json()["detail"]


def _node_strips_types() -> bool:
    if not shutil.which("node"):
        return False
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, version.strip("v\n").split(".")[:2])) >= (22, 18)


@pytest.fixture(params=["python", "typescript"])
def receiver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str, Path]]:
    """A running receiver: its address, its secret, and what it prints."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    script = EXAMPLES / "webhooks" / "receiver.ts"
    command = [sys.executable, "-m", "uvicorn", "receiver:app", "--port", port]
    if request.param == "typescript":
        compiler = ROOT / "clients" / "typescript" / "node_modules" / "typescript" / "bin" / "tsc"
        if _node_strips_types():
            command = ["node", str(script)]
        elif shutil.which("node") and compiler.exists():
            options = [
                "--module",
                "nodenext",
                "--target",
                "es2022",
                "--skipLibCheck",
                "--outDir",
                str(tmp_path),
            ]
            types = ["--typeRoots", str(compiler.parents[2] / "@types"), "--types", "node"]
            (tmp_path / "package.json").write_text('{"type": "module"}')
            source = shutil.copy(script, tmp_path / "receiver.ts")
            subprocess.run(["node", str(compiler), *options, *types, source], check=True, timeout=WITHIN)
            command = ["node", str(tmp_path / "receiver.js")]
        else:
            pytest.skip("neither a Node that runs TypeScript nor a compiler")
    secret, log = new_secret(), tmp_path / "log"
    environment = {**os.environ, "WEBHOOK_SECRET": secret, "PORT": port, "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=EXAMPLES / "webhooks", env=environment, stdout=output, stderr=output
        )
    try:
        end = time.monotonic() + WITHIN
        with socket.socket() as probe:
            while probe.connect_ex(("127.0.0.1", int(port))):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < end, "the receiver does not listen"
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/", secret, log
    finally:
        process.terminate()
        process.wait(30)


def test_a_receiver_takes_what_is_signed_and_once(receiver: tuple[str, str, Path]) -> None:
    url, secret, log = receiver
    body = json.dumps({"type": "job.succeeded", "data": {"id": "job_1", "name": "画"}}, ensure_ascii=False)
    now = int(time.time())

    def send(headers: dict[str, str], text: str = body) -> int:
        return httpx.post(url, content=text.encode(), headers=headers, trust_env=False).status_code

    good = signed_headers(secret, "msg_1", now, body)
    assert send({}) == 401
    assert send(good, body.replace("job_1", "job_2")) == 401
    assert send(signed_headers(new_secret(), "msg_1", now, body)) == 401
    assert send(signed_headers(secret, "msg_1", now - 3600, body)) == 401
    assert [send(good), send(good)] == [204, 204]
    rolled = good | {"webhook-id": "msg_2"}
    both = signed_headers(new_secret(), "msg_2", now, body)["webhook-signature"]
    rolled["webhook-signature"] = f"{both} {signed_headers(secret, 'msg_2', now, body)['webhook-signature']}"
    assert send(rolled) == 204
    assert log.read_text().count("job.succeeded job_1") == 2


async def test_the_notebook_runs(service: Service, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ipykernel", reason="the notebook's kernel is not installed")
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    monkeypatch.setenv("EXAMPLES", "a.jpg b.jpg")
    monkeypatch.setenv("PHOTOS", "photo.jpg harbour.jpg")
    monkeypatch.setenv("STEPS", "3")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "clients" / "python" / "src"))
    notebook = nbformat.read(EXAMPLES / "notebook" / "fewstroke.ipynb", as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=WITHIN, resources={"metadata": {"path": str(folder)}})
    await asyncio.wait_for(client.async_execute(), 2 * WITHIN)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error"]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2
    saved = json.loads((EXAMPLES / "notebook" / "fewstroke.ipynb").read_text())
    assert not any(cell.get("outputs") for cell in saved["cells"]), "it is kept without outputs"
