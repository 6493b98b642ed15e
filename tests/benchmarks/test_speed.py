"""Speed: variants, the probe process and its table. Nothing here asserts how fast anything is."""

import mmap
import sys

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.speed import Variant, run_probe, table
from benchmarks.timing import resident_mib, resident_peak_mib, synthetic_picture, timed


def test_a_variant_is_a_name_and_an_environment() -> None:
    variant = Variant.parse("keep:MALLOC_MMAP_MAX_=0,MALLOC_TRIM_THRESHOLD_=1073741824")
    assert variant == Variant("keep", {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "1073741824"})


@pytest.mark.parametrize("text", ["", "name", "name:", "name:KEY", ":A=1", "name:=1"])
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(BenchmarkError, match="name:KEY=VALUE"):
        Variant.parse(text)


def test_timed_leaves_warm_ups_out() -> None:
    calls: list[None] = []
    times = timed(lambda: calls.append(None), 4, warm_ups=2)
    assert (len(calls), times.count) == (6, 4)
    assert times.fastest <= times.median <= times.slowest


def test_synthetic_pictures_are_seeded() -> None:
    first = synthetic_picture(40, 30, seed=1)
    assert first.size == (40, 30)
    assert first.tobytes() == synthetic_picture(40, 30, seed=1).tobytes()
    assert first.tobytes() != synthetic_picture(40, 30, seed=2).tobytes()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_peak_holds_what_was_freed() -> None:
    before = resident_mib()
    with mmap.mmap(-1, 64 * 2**20) as block:  # fresh pages: the heap may have that much to give out again
        for page in range(0, len(block), mmap.PAGESIZE):
            block[page] = 1
    assert resident_peak_mib() >= before + 60


def test_a_failing_probe_says_why() -> None:
    with pytest.raises(BenchmarkError, match=r"engine probe ended with 2: error: .*no-such-checkpoint"):
        run_probe("engine", ["--checkpoint", "no-such-checkpoint.safetensors"], {})


def test_table_gives_ratio_and_peak() -> None:
    seconds = {"median": 0.4, "fastest": 0.4, "slowest": 0.4, "cpu_median": 0.7, "count": 1}
    run = {
        "name": "as shipped",
        "threads": 2,
        "load_seconds": 1.0,
        "adapt_first": {**seconds, "median": 9.0},
        "adapt": None,
        "adapt_zero_steps": seconds,
        "stylize": seconds,
        "memory_mib": {"after_load": 300.0, "peak_after_adapt": 900.0, "at_end": 500.0},
    }
    magenta = {
        "threads": "all",
        "load_seconds": 0.5,
        "style_vectors": seconds,
        "stylize": {**seconds, "median": 0.1},
        "memory_mib": {"peak": 180.0},
    }
    ours, theirs = table([run], magenta).splitlines()[-2:]
    assert ours == (
        "| as shipped | 2 | 1.00 s | 9.00 s (0.70 s CPU) | - | 0.40 s (0.70 s CPU) | 0.40 s (0.70 s CPU) "
        "| 4.00x | 900 MiB |"
    )
    assert theirs.startswith("| Magenta | all |")
    assert table([run], None).splitlines()[-1].split(" | ")[7] == "-"
