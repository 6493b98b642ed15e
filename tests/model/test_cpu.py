"""How many processors a process takes, and how its threads wait."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from model import cpu
from model.device import use_available_processors

pytestmark = pytest.mark.process


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with 16 processors, and a process in the control group /pod/container."""
    (tmp_path / "own").write_text("0::/pod/container\n")
    (tmp_path / "root/pod/container").mkdir(parents=True)
    monkeypatch.setattr(cpu, "_OWN_GROUP", tmp_path / "own")
    monkeypatch.setattr(cpu, "_CONTROL_GROUPS", tmp_path / "root")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    return tmp_path / "root"


def test_without_a_quota_all_that_the_process_may_run_on(groups: Path) -> None:
    (groups / "pod/container/cpu.max").write_text("max 100000\n")
    assert cpu.available() == 16


@pytest.mark.parametrize(
    ("quotas", "expected"),
    [
        ({"pod/container": "200000 100000"}, 2),
        ({"pod/container": "150000 100000"}, 2),  # rounded up
        ({"pod/container": "10000 100000"}, 1),
        ({"pod/container": "3200000 100000"}, 16),  # more than there are
        ({"pod/container": "max 100000", "pod": "400000 100000"}, 4),
        ({"pod/container": "800000 100000", "pod": "400000 100000"}, 4),
        ({"": "300000 100000"}, 3),  # a container that sees its own group as the root
        ({"pod": "not a quota"}, 16),
    ],
)
def test_the_smallest_quota_from_its_group_to_the_root(
    groups: Path, quotas: dict[str, str], expected: int
) -> None:
    for group, text in quotas.items():
        (groups / group / "cpu.max").write_text(text)
    assert cpu.available() == expected


def test_a_host_path_that_is_not_there_is_passed_over(groups: Path) -> None:
    cpu._OWN_GROUP.write_text("12:cpu:/old\n0::/system.slice/docker-1234.scope\n")
    (groups / "cpu.max").write_text("200000 100000")
    assert cpu.available() == 2


@pytest.mark.parametrize(("quota", "expected"), [("-1", 16), ("250000", 3)])
def test_groups_of_version_1_have_a_folder_for_each_controller(
    groups: Path, quota: str, expected: int
) -> None:
    cpu._OWN_GROUP.write_text("2:memory:/pod\n1:cpu,cpuacct:/pod\n0::/\n")
    folder = groups / "cpu,cpuacct/pod"
    folder.mkdir(parents=True)
    (folder / "cpu.cfs_quota_us").write_text(quota + "\n")
    (folder / "cpu.cfs_period_us").write_text("100000\n")
    assert cpu.available() == expected


def test_machines_without_control_groups_have_no_quota(groups: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "_OWN_GROUP", groups / "nowhere")
    assert cpu.available() == 16


def test_torch_takes_no_more_threads_than_that_and_never_more_than_it_had(groups: Path) -> None:
    before = torch.get_num_threads()
    try:
        (groups / "pod/container/cpu.max").write_text("300000 100000")
        torch.set_num_threads(8)
        use_available_processors()
        assert torch.get_num_threads() == 3
        torch.set_num_threads(1)
        use_available_processors()
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("given", "expected"), [({}, str(cpu.SPINS)), ({"GOMP_SPINCOUNT": "7"}, "7")])
def test_the_command_line_settles_how_threads_wait_before_torch_is_there(
    given: dict[str, str], expected: str
) -> None:
    """Whoever has set it keeps it."""
    script = (
        "import os, sys\n"
        "from app.cli import main\n"
        "assert 'torch' not in sys.modules\n"
        "sys.argv = ['fewstroke', 'version']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(os.environ['GOMP_SPINCOUNT'])\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "GOMP_SPINCOUNT"} | given
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True
    )
    assert ended.stdout.split()[-1] == expected
