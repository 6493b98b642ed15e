"""A style file of any modality is imported as ready only when a worker can use it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save

from app.music.medium import MUSIC
from app.poems.medium import POEMS
from app.stories.medium import STORIES
from model.errors import StyleFormatError
from model.formats import METADATA_KEY, StyleHeader, checkpoint_hash, default_checkpoint
from tests.support.pictures import files
from tests.support.problems import check_problem

Tensors = dict[str, NDArray[Any]]
EXAMPLES: dict[str, tuple[Tensors, dict[str, Any]]] = {
    "music": (
        {
            "index/events": np.zeros(4, np.uint16),
            "index/bars": np.zeros(4, np.uint16),
            "index/lines": np.zeros((1, 3), np.int32),
        },
        {"profile": {}, "works": ["a song"]},
    ),
    "poems": (
        {"examples": np.zeros(4, np.uint8)},
        {"kind": "wujue", "simplified": True, "description": {}},
    ),
}


def style_of(modality: str, damage: Callable[[Tensors, dict[str, Any]], Any]) -> bytes:
    """Phi of the shipped checkpoint itself, damaged."""
    path = default_checkpoint(modality)
    with safe_open(path, framework="np") as file:
        names = [name for name in file.keys() if name.startswith("phi/")]  # noqa: SIM118
        tensors = {name: file.get_tensor(name).astype(np.float16) for name in names}
    examples, about = EXAMPLES[modality]
    header = StyleHeader(checkpoint_hash(path), 1, 0, 0, {}, "none", modality=modality)
    tensors, meta = tensors | examples, json.loads(header.to_json()) | about
    damage(tensors, meta)
    return save(tensors, metadata={METADATA_KEY: json.dumps(meta)})


@pytest.mark.parametrize("modality", EXAMPLES)
async def test_a_sound_style_is_imported(client: httpx.AsyncClient, modality: str) -> None:
    data = style_of(modality, lambda tensors, meta: None)
    answer = await client.post("/v1/styles/import", files=files(file=data))
    assert (answer.status_code, answer.json()["status"]) == (201, "ready")
    assert answer.json()["modality"] == modality


@pytest.mark.parametrize("modality", EXAMPLES)
@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (
            lambda tensors, meta: tensors["phi/bias"].fill(np.nan),
            "'phi/bias' holds numbers that are not finite",
        ),
        (lambda tensors, meta: tensors["phi/down_1"].fill(-np.inf), "not finite"),
        (
            lambda tensors, meta: tensors.update({"phi/bias": np.zeros(3, np.float16)}),
            "do not fit the network",
        ),
        (lambda tensors, meta: tensors.pop("phi/bias"), "do not fit the network"),
        (lambda tensors, meta: tensors.update({"phi/bias": np.zeros(3, np.int8)}), "floating-point"),
        (lambda tensors, meta: [tensors.pop(name) for name in [*tensors] if name[:4] != "phi/"], "examples"),
        (lambda tensors, meta: [meta.pop(name, None) for name in ("works", "description")], "examples"),
    ],
    ids=["nan", "infinite", "shape", "lacking", "type", "no examples", "no header"],
)
async def test_a_style_that_no_worker_can_use_is_refused(
    client: httpx.AsyncClient, modality: str, damage: Callable[[Tensors, dict[str, Any]], Any], says: str
) -> None:
    answer = await client.post("/v1/styles/import", files=files(file=style_of(modality, damage)))
    assert says in check_problem(answer, 422, "style_file_invalid")["detail"]
    assert (await client.get("/v1/styles")).json()["items"] == []


def test_a_style_of_stories_is_looked_at_without_a_language_model() -> None:
    header = StyleHeader("f" * 64, 1, 0, 0, {}, "none", modality="stories")
    about = {METADATA_KEY: json.dumps(json.loads(header.to_json()) | {"description": {}})}
    examples = {"examples": np.zeros(4, np.uint8)}
    STORIES.check_style(save({"phi/a": np.ones(3, np.float16), **examples}, about), None)
    with pytest.raises(StyleFormatError, match="not finite"):
        STORIES.check_style(save({"phi/a": np.full(3, np.nan, np.float16), **examples}, about), None)
    for medium in (MUSIC, POEMS):
        with pytest.raises(StyleFormatError, match="of its examples is damaged"):
            medium.check_style(save({"phi/a": np.ones(3, np.float16)}, about), None)
