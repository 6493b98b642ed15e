"""``python -m benchmarks.gpu`` where there is no GPU: that sections run, and what is kept of a failure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.gpu import adapt
from benchmarks.gpu import run as gpu
from benchmarks.gpu.clock import Clock
from benchmarks.gpu.record import Record
from benchmarks.gpu.report import page
from benchmarks.timing import timed
from model.image.engine import Engine
from model.image.pyramid import SIDES
from tests.model.conftest import SMALL

ABOUT: dict[str, Any] = {
    "device": "a device",
    "machine": {"processor": "a processor", "cores": 2},
    "libraries": {},
    "checkpoint": "0123456789",
    "renders_with": "torch",
    "measured_at": "today",
}


def test_sections_are_measured_and_stored(tmp_path: Path) -> None:
    plan = gpu.Plan.tiny(seconds=600, sections=("stylize", "large", "transfer"))
    document = gpu.run(plan, device="cpu", out=tmp_path, tell=lambda _: None)
    assert document["errors"] == []
    rows = document["sections"]
    assert {row["batch"] for row in rows["stylize"]} == set(plan.batches)
    assert all(row["served_milliseconds"] > 0 for row in rows["stylize"])
    assert [row["side"] for row in rows["large"]] == list(plan.large)
    assert rows["transfer"][-1]["equal"] is True
    assert json.loads((tmp_path / "gpu.json").read_text()) == document
    text = (tmp_path / "gpu.md").read_text()
    assert "## Ceilings" in text
    assert "no GPU was at hand" in text


def test_parts_of_the_inner_steps_are_measured_level_by_level(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(torch.device("cpu"))
    monkeypatch.setattr(clock, "events", lambda call, **_: timed(call, 1, warm_ups=0))
    record = Record(ABOUT, None, 600, lambda _: None)
    engine = Engine.load(device="cpu", config=SMALL, renderer="torch")
    with record.section("inner step", 1.0):
        adapt.inner_step(record, clock, engine, styles=(1,))
    assert record.document["errors"] == []
    rows = record.document["sections"]["inner step"]
    parts = ("photos drawn, places chosen", "loss and gradients", "Adam")
    assert [(row["side"], row["part"]) for row in rows] == [(side, part) for side in SIDES for part in parts]
    assert all(row["eager_milliseconds"] > 0 for row in rows)


def test_what_fails_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    def fail() -> dict[str, Any]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    record = Record(ABOUT, tmp_path, 60, lambda _: None)
    with record.section("stylize", 0.5):
        row: dict[str, Any] = {"side": 512, "batch": 8}
        record.tried(row, "graph", fail)
        record.tried(row, "served", lambda: {"served_milliseconds": 2.0})
        record.add(row)
        raise ValueError("a kernel is missing")
    with record.section("large", 1.0):
        record.skipped("2048 px")
        record.skipped("4096 px")
        record.add({"side": 64, "milliseconds": 1.0, "peak_mib": 1.0})
    stored = json.loads((tmp_path / "gpu.json").read_text())
    assert stored["sections"]["stylize"][0]["served_milliseconds"] == 2.0
    assert "a kernel is missing" in stored["errors"][0]["text"]
    text = page(stored)
    assert "512, 8: graph failed: OutOfMemoryError: CUDA out of memory" in text
    assert "stylize: ValueError: a kernel is missing" in text
    assert "| 64 | 1.000 ms |" in text
    assert "\n\nNot measured, out of time: 2048 px; 4096 px.\n" in text


@pytest.mark.parametrize("until", [0.0, 1.0])
def test_a_section_ends_with_its_time(until: float) -> None:
    record = Record(ABOUT, None, 60, lambda _: None)
    with record.section("jpeg", until):
        assert record.late() is (until == 0)
