"""Styles as ONNX files over HTTP and on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load, save

from app.api.services import Container
from app.cli import cli
from app.infra.facts import BASE, set_fact
from model.errors import StyleFormatError
from model.formats import METADATA_KEY, StyleHeader, read_metadata
from model.image.checkpoint import Base, load_base, phi_shapes, save_base
from model.image.engine_types import Rendering
from model.image.network.networks import Networks
from model.image.network.style_encoder import EncoderConfig
from model.image.network.style_params import stack
from model.image.network.stylizer import StylizerConfig
from model.image.pyramid import SIDES
from model.image.rendering.renderer import Renderer
from model.image.style import Style
from tests.support.pictures import files, picture
from tests.support.problems import check_problem


def small_base(path: Path, seed: int = 0) -> Base:
    torch.manual_seed(seed)
    networks = Networks(
        StylizerConfig(half=8, width=12, blocks=2, rank=2, up_half=8, up_full=6),
        EncoderConfig(embedding=16, hidden=16),
    )
    save_base(path, networks, {}, {})
    return load_base(path)


def a_style(base: Base) -> bytes:
    with torch.no_grad():
        phi = stack([base.networks.encoder.decode(torch.rand(1, 16), level) for level in range(len(SIDES))])
    return Style(phi, StyleHeader(base.hash, 1, 0, 0)).to_bytes()


@pytest.fixture
async def base(services: Container) -> Base:
    """A checkpoint that the service and the exporter can read."""
    assert services.settings.checkpoint is not None
    base = small_base(services.settings.checkpoint)
    await started(services)
    return base


async def started(services: Container) -> None:
    """What a start with the checkpoint as it is does."""
    await set_fact(services.sessions, BASE, await services.checkpoint.base_hash())


async def imported(client: httpx.AsyncClient, data: bytes) -> str:
    answer = await client.post("/v1/styles/import", files=files(file=data))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_a_style_is_exported_and_renders_as_the_network_does(
    client: httpx.AsyncClient, base: Base
) -> None:
    data = a_style(base)
    style_id = await imported(client, data)
    answer = await client.get(f"/v1/styles/{style_id}/onnx")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"] == f'attachment; filename="{style_id}.fp32.onnx"'
    photo = picture(50, 33)
    given = np.asarray(photo, dtype=np.float32).transpose(2, 0, 1)[None] / 255
    (found,) = onnxruntime.InferenceSession(answer.content).run(None, {"photo": given})
    renderer = Renderer(base.networks, None, phi_shapes(base.networks), device=torch.device("cpu"), amp=False)
    expected = renderer.stylize_many([Rendering(photo, Style.from_bytes(data, base_hash=base.hash))])[0]
    assert np.abs(255 * found[0].transpose(1, 2, 0) - np.asarray(expected)).max() <= 2

    headers = {"If-None-Match": answer.headers["etag"]}
    assert (await client.get(f"/v1/styles/{style_id}/onnx", headers=headers)).status_code == 304
    smaller = await client.get(f"/v1/styles/{style_id}/onnx?precision=int8", headers=headers)
    assert smaller.status_code == 200
    assert len(smaller.content) < len(answer.content)


def changed(data: bytes, change: Callable[[dict[str, torch.Tensor]], object]) -> bytes:
    """A style file whose tensors were changed."""
    tensors = load(data)
    change(tensors)
    with_header = read_metadata(data)
    return save(tensors, metadata={METADATA_KEY: json.dumps(with_header)})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda tensors: tensors["color"].fill_(float("nan")), "'color' holds numbers that are not finite"),
        (lambda tensors: tensors["up1.beta"][0].fill_(float("-inf")), "'up1.beta' holds numbers"),
        (lambda tensors: tensors.update(color=torch.full((4, 3, 4), float("inf"))), "not finite"),
        (lambda tensors: tensors.update(color=torch.full((4, 3, 4), float("nan")).bfloat16()), "not finite"),
        (
            lambda tensors: tensors.update(color=torch.zeros(4, 3, 4, dtype=torch.int64)),
            "has no floating-point",
        ),
        (lambda tensors: tensors.update(color=torch.zeros(4, 4, 3).half()), "do not fit the network"),
        (lambda tensors: tensors.pop("down1.beta"), "do not fit the network"),
        (lambda tensors: tensors.update(more=torch.zeros(1).half()), "do not fit the network"),
    ],
)
async def test_an_import_checks_what_a_worker_checks(
    client: httpx.AsyncClient, base: Base, change: Callable[[dict[str, torch.Tensor]], object], says: str
) -> None:
    data = a_style(base)
    bad = changed(data, change)
    if "floating-point" not in says:  # a worker reads whole numbers too; no style has them
        with pytest.raises(StyleFormatError):
            read_by_worker(bad, base)
    answer = await client.post("/v1/styles/import", files=files(file=bad))
    assert says in check_problem(answer, 422, "style_file_invalid")["detail"]
    assert (await client.get("/v1/styles")).json()["items"] == []
    await imported(client, data)
    for kind in (torch.float32, torch.bfloat16):
        largest = {"color": torch.full((4, 3, 4), torch.finfo(kind).max, dtype=kind)}
        extreme = changed(data, partial(_update, largest))
        read_by_worker(extreme, base)
        await imported(client, extreme)


def _update(more: dict[str, torch.Tensor], tensors: dict[str, torch.Tensor]) -> None:
    tensors.update(more)


def read_by_worker(data: bytes, base: Base) -> None:
    Style.from_bytes(data, base_hash=base.hash).check_shapes(phi_shapes(base.networks))


async def test_what_cannot_be_exported(
    client: httpx.AsyncClient,
    services: Container,
    base: Base,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    style_id = await imported(client, a_style(base))
    url = f"/v1/styles/{style_id}/onnx"
    check_problem(await client.get(url, params={"precision": "fp8"}), 422, "validation_failed")

    (tmp_path / "onnx.py").write_text("raise ImportError('not installed')")
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).parents[3]}")
        problem = check_problem(await client.get(url), 501, "export_unavailable")
        assert "pip install 'fewstroke[export]'" in problem["detail"]

    assert services.settings.checkpoint is not None
    small_base(services.settings.checkpoint, seed=1)  # the service has another checkpoint now
    check_problem(await client.get(url), 409, "style_base_mismatch")
    services.settings.checkpoint.write_bytes(b"no checkpoint at all")
    await started(services)
    damaged = await imported_on(client, services)
    check_problem(await client.get(f"/v1/styles/{damaged}/onnx"), 503, "service_unavailable")


async def imported_on(client: httpx.AsyncClient, services: Container) -> str:
    """A style whose header names whatever checkpoint the service has now."""
    header = StyleHeader(await services.checkpoint.base_hash(), 1, 0, 0)
    return await imported(client, Style({"color": torch.zeros(4, 3, 4)}, header).to_bytes())


def test_on_the_command_line(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    def run(*arguments: object) -> tuple[int, str]:
        result = CliRunner(env={"COLUMNS": "400"}).invoke(cli, [str(argument) for argument in arguments])
        return result.exit_code, result.output

    base_path, style = tmp_path / "base.safetensors", tmp_path / "waves.safetensors"
    base = small_base(base_path)
    data = a_style(base)
    style.write_bytes(data)
    code, said = run("export", style, "--precision", "fp16", "--checkpoint", base_path)
    assert code == 0, said
    assert "fp16" in said
    session = onnxruntime.InferenceSession((tmp_path / "waves.onnx").read_bytes())
    assert [entry.name for entry in session.get_inputs()] == ["photo"]

    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(changed(data, lambda tensors: tensors["color"].fill_(float("nan"))))
    code, said = run("export", bad, "--checkpoint", base_path)
    assert code == 3
    assert f"{bad}: its tensor 'color' holds numbers that are not finite" in said

    assert run("export", tmp_path / "none.safetensors")[0] == 3
    assert run("export", style, "-o", style, "--checkpoint", base_path)[0] == 3
    code, said = run("export", style)  # the shipped checkpoint is not its base
    assert code == 3
    assert "fewstroke adapt" in said
    assert style.read_bytes() == data
