"""``fewstroke bench``: what it counts and tells. Nothing here asserts how fast anything is."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from benchmarks.bench import convolutions, roofline, stylize
from benchmarks.bench.adapt import step_work
from benchmarks.bench.command import Plan, run, store
from benchmarks.bench.johnson import Johnson
from benchmarks.bench.report import compare, page
from benchmarks.bench.roofline import Rates, Work, count_work, measure_rates
from benchmarks.bench.stylize import Subject, drawn_pixels, measure
from benchmarks.errors import BenchmarkError
from benchmarks.processes import processor_seconds
from benchmarks.timing import Times
from model.image.adaptation.config import AdaptConfig, LevelConfig
from model.image.engine import Engine

pytestmark = pytest.mark.process

DOCUMENT: dict[str, Any] = {
    "machine": {"processor": "a processor", "cores": 2, "memory_gib": 8.0},
    "threads": 2,
    "busy_share": 0.0,
    "gpu": "No GPU was at hand.",
    "missing": ["Magenta"],
    "rates": {
        "gemm_bf16": 400.0,
        "gemm_float32": 180.0,
        "convolution_bf16": 420.0,
        "convolution_float32": 160.0,
        "copy": 20.0,
    },
    "stylize": [
        {
            "subject": "engine (OpenVINO, int8 and bf16)",
            "side": 512,
            "batch": 1,
            "seconds": 0.08,
            "cpu_seconds": 0.16,
            "rendered_pixels": 262144,
            "faster_than_magenta_a_pixel": 1.5,
            "faster_than_magenta_quartiles": [1.4, 1.62],
            "roofline_share": 1.1,
        }
    ],
    "adapt": [{"k": 5, "steps": 0, "styles": 1, "seconds": 1.0, "cpu_seconds": 1.9}],
    "service": None,
    "start": None,
}


def test_operations_and_bytes_of_a_convolution() -> None:
    network = nn.Conv2d(3, 5, 3, padding=1)
    work = count_work(network, torch.zeros(2, 3, 8, 8), bytes_per_value=2)
    assert work.layers == 1
    assert work.flop == 2 * (2 * 5 * 8 * 8) * (3 * 9)
    assert work.bytes == 2 * (2 * 3 * 64 + 5 * 3 * 9 + 2 * 5 * 64)


def test_the_roofline_is_the_slower_of_computing_and_moving() -> None:
    work = Work(flop=8e9, bytes=1e9, layers=1)
    assert work.least_seconds(flop_rate=100, byte_rate=50) == pytest.approx(0.08)
    assert work.least_seconds(flop_rate=800, byte_rate=50) == pytest.approx(0.02)


def test_bf16_is_not_measured_where_it_is_emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    """There it takes minutes, and nothing computes in it."""
    for name in ("_GEMM", "_SIDE"):  # bf16 may be emulated here
        monkeypatch.setattr(roofline, name, 8)
    monkeypatch.setattr(roofline, "_COPY", 2**16)
    used: set[torch.dtype] = set()

    def noting(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        used.add(a.dtype)
        return a @ b

    monkeypatch.setattr(torch, "matmul", noting)
    monkeypatch.setattr(roofline, "prefers_bf16", lambda _device: False)
    without = measure_rates()
    assert used == {torch.float32}
    assert (without.gemm_bf16, without.convolution_bf16) == (None, None)
    assert without.peak(bf16=False) > 0
    with pytest.raises(BenchmarkError, match="no bf16 products"):
        without.peak(bf16=True)
    monkeypatch.setattr(roofline, "prefers_bf16", lambda _device: True)
    assert measure_rates().peak(bf16=True) > 0
    assert used == {torch.float32, torch.bfloat16}


def test_the_better_of_two_rates() -> None:
    first, second = Rates(None, 2.0, None, 3.0, 1.0), Rates(None, 1.0, None, 4.0, 2.0)
    assert first.or_better(second) == Rates(None, 2.0, None, 4.0, 2.0)
    assert Rates(5.0, 1.0, 1.0, 1.0, 1.0).or_better(Rates(4.0, 1.0, 2.0, 1.0, 1.0)).peak(bf16=True) == 5.0


@pytest.mark.parametrize("least", [2, 7])
def test_a_slow_subject_has_the_least_rounds_and_it_is_told(
    least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stylize, "timed", lambda call, *_args, **_options: call())
    calls: list[str] = []

    def slow(name: str, seconds: float) -> Subject:
        def render(_photos: object) -> Times:
            calls.append(name)
            return Times(seconds, seconds, seconds, seconds, 1)

        return Subject(name, render)

    told: list[str] = []
    subjects = [slow("a", 10.0), slow("b", 2.0)]
    rows = measure(subjects, sizes=(64,), batches=(1,), least_rounds=least, tell=told.append)
    assert [row["rounds"] for row in rows] == [least, least]
    rounds = [calls[at : at + 2] for at in range(0, len(calls), 2)]
    assert [sorted(names) for names in rounds] == [["a", "b"]] * (1 + least)
    assert least < 7 or ["b", "a"] in rounds  # whoever is next to a peer is not always the same
    assert told == ["stylize 64 px, batch 1", f"  {least} rounds of 2 subjects, about {12 * least} s"]


def test_a_subject_has_rows_of_the_sizes_that_it_takes() -> None:
    subjects = [Subject("all", len), Subject("large", len, smallest=65), Subject("small", len, largest=64)]
    told: list[str] = []
    rows = measure(subjects, sizes=(64, 128), batches=(1,), least_rounds=1, tell=told.append)
    found = {(row["side"], row["subject"]) for row in rows}
    assert found == {(64, "all"), (64, "small"), (128, "all"), (128, "large")}


def test_the_peer_of_metastyle_has_its_size() -> None:
    """1.68 million parameters and 40 GMAC at 512 px, as published."""
    network = Johnson()
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(1.68e6, rel=0.01)
    work = count_work(network, torch.zeros(1, 3, 64, 64), bytes_per_value=4)
    assert work.flop * 64 / 2e9 == pytest.approx(40, rel=0.05)


def test_a_step_counts_judges_by_how_often_they_judge() -> None:
    """Three times a level: with one step a level six looks of two photos beside one photo there and back."""

    def flop(steps: int) -> float:
        config = AdaptConfig(steps=steps, held_out=2, levels=(LevelConfig(1, 32),) * 4)
        return step_work(Engine.load(device="cpu", config=config, renderer="torch")).flop

    assert flop(4) / flop(12) == pytest.approx((2 + 6) / (2 + 2))


def test_pixels_of_large_photos_are_those_that_are_drawn() -> None:
    assert drawn_pixels(64) == 64**2
    assert drawn_pixels(640) == 64**2 + 128**2 + 256**2 + 640**2
    assert drawn_pixels(4096) == 64**2 + 128**2 + 256**2 + 512**2


def test_convolutions_are_told_from_what_is_between_them() -> None:
    """By torch's profile: a product of matrices is none."""
    matrix, maps = torch.ones(256, 256), torch.ones(1, 8, 64, 64)
    assert convolutions.seconds(lambda: matrix @ matrix) == 0
    assert convolutions.seconds(lambda: torch.conv2d(maps, torch.ones(8, 8, 3, 3))) > 0


def test_the_share_of_the_peak_is_of_the_same_precision() -> None:
    rows = [{"seconds": 0.1, "flop": 21e9, "bf16": half, "what": "a picture"} for half in (True, False)]
    convolutions.add_shares(rows, Rates(**DOCUMENT["rates"]))
    assert [row["peak_share"] for row in rows] == pytest.approx([0.5, 210 / 180])
    text = page({**DOCUMENT, "convolutions": rows[:1]}, None)
    assert "| a picture | 21 GFLOP | 100.0 ms | 50% |" in text


def test_a_page_tells_what_was_not_measured() -> None:
    text = page(DOCUMENT, None)
    assert "| engine (OpenVINO, int8 and bf16) | 512 | 1 | 0.080 s | 0.160 s | 3.28 |" in text
    assert "| 1.50x (1.40 to 1.62) | 110% |" in text
    assert "Not measured: Magenta" in text
    assert "No GPU was at hand" in text
    assert "## Service" not in text


def test_what_each_process_spends_on_a_request_is_told() -> None:
    row = {
        "clients": 8,
        "requests": 24,
        "requests_a_second": 10.0,
        "median_seconds": 0.8,
        "p95_seconds": 0.9,
        "worker_seconds": 0.08,
        "overhead_share": 0.5,
        "outside_worker_share": 0.2,
        "processor_seconds": {"api": 0.0325, "broker": 0.008, "client": 0.0061, "worker": 0.12},
    }
    start = {"ready_seconds": 3.0, "memory": {}, "engine_512_processor_seconds": 0.09}
    text = page({**DOCUMENT, "service": [row], "start": start}, None)
    assert "| 8 | 32.5 ms | 8.0 ms | 0.0 ms | 6.1 ms | 120 ms | 30 ms |" in text
    of_before = {name: value for name, value in row.items() if name != "processor_seconds"}
    assert "Processor time" not in page({**DOCUMENT, "service": [of_before], "start": start}, None)


def test_processor_time_is_told_by_what_a_process_is() -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"
    before = processor_seconds()
    with subprocess.Popen(
        [sys.executable, "-c", burn, "app.cli worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        after = processor_seconds()
        child.kill()
    assert "worker" not in before
    assert 0.28 < after["worker"] < 5
    assert after["client"] >= before["client"]


def test_a_change_is_told_relative_to_the_machine() -> None:
    before, slower = copy.deepcopy(DOCUMENT), copy.deepcopy(DOCUMENT)
    assert "Nothing of 2 figures changed" in compare(before, DOCUMENT)
    slower["stylize"][0]["seconds"] = 0.16
    assert "2.00x" in compare(before, slower)
    # the same time on a machine at half its rate is no change of ours
    slower["rates"]["gemm_bf16"] = 200.0
    slower["adapt"][0]["seconds"] = 2.0
    assert "Nothing of 2 figures changed" in compare(before, slower)
    slower["machine"]["processor"] = "another"
    assert "not compared" in compare(before, slower)


def test_a_run_without_bf16_is_told_and_compared_by_float32() -> None:
    before = copy.deepcopy(DOCUMENT)
    before["rates"] |= {"gemm_bf16": None, "convolution_bf16": None}
    assert "180 GFLOP/s in float32, a 96-channel 3x3 convolution 160 (the processor has no bf16" in page(
        before, None
    )
    after = copy.deepcopy(before)
    after["rates"]["gemm_float32"] = 90.0
    after["stylize"][0]["seconds"], after["adapt"][0]["seconds"] = 0.16, 2.0
    assert "Nothing of 2 figures changed" in compare(before, after)


def test_a_processor_without_bf16_is_another_one(tmp_path: Path) -> None:
    """Virtual machines give different processors the same name: nothing is kept of the other's run."""
    first = {**DOCUMENT, "measured_at": "2026-01-01T00:00:00+00:00"}
    store(first, tmp_path, keep=True)
    rates = first["rates"] | {"gemm_bf16": None, "convolution_bf16": None}
    second = {k: v for k, v in first.items() if k != "adapt"} | {"rates": rates}
    text, (file, _page) = store(second, tmp_path, keep=True)
    assert "adapt" not in json.loads(file.read_text())
    assert "another processor: not compared" in text


def test_a_run_is_stored_only_when_asked(tmp_path: Any) -> None:
    text, files = store(DOCUMENT, tmp_path, keep=False)
    assert (text, list(files), list(tmp_path.iterdir())) == (page(DOCUMENT, None), [], [])
    _, files = store(DOCUMENT, tmp_path, keep=True)
    assert [file.name for file in files] == ["bench.json", "bench.md"]
    assert "Against the last stored run" in store(DOCUMENT, tmp_path, keep=False)[0]


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(BenchmarkError, match="no part sing"):
        run(Plan(parts=("sing",)), print)


def test_parts_that_were_not_measured_are_kept_and_dated(tmp_path: Path) -> None:
    first = {**DOCUMENT, "measured_at": "2026-01-01T00:00:00+00:00"}
    store(first, tmp_path, keep=True)
    second = {k: v for k, v in first.items() if k != "adapt"} | {"measured_at": "2026-02-02T00:00:00+00:00"}
    for _ in range(2):  # the date stays that of the measurement
        text, (file, _page) = store(second, tmp_path, keep=True)
        assert json.loads(file.read_text())["adapt"] == DOCUMENT["adapt"]
        assert "Not measured in this run, but on 2026-01-01T00:00:00+00:00: adapt." in text
