"""The service's processes under this one: their memory, and what they have mapped (Linux)."""

from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.errors import BenchmarkError

KINDS = {
    "app.cli api": "api",
    "app.cli worker": "worker",
    "app.imaging.decoder_process": "decoder",
    "nats-server": "broker",
}
MIB = 2**20


@dataclass
class Usage:
    """Resident memory of one process, in bytes, and the torch libraries that it maps."""

    kind: str
    idle: int
    while_jobs_run: list[int] = field(default_factory=list)
    high_water: int = 0  # VmHWM: the most since the process began
    torch_files: int = 0


def find_processes() -> dict[int, str]:
    """What the processes under this one are, by their id."""
    found = {}
    for process in psutil.Process().children(recursive=True):
        try:
            line = " ".join(process.cmdline())
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        for words, kind in KINDS.items():
            if words in line:
                found[process.pid] = kind
    return found


def sample(usages: dict[int, Usage]) -> None:
    """Add a reading of every process; processes that appear later are added."""
    for pid, kind in find_processes().items():
        try:
            rss = psutil.Process(pid).memory_info().rss
            usage = usages.setdefault(pid, Usage(kind, idle=rss))
            usage.while_jobs_run.append(rss)
            usage.high_water = high_water(pid)
            usage.torch_files = torch_files(pid)
        except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            continue


def processor_seconds() -> dict[str, float]:
    """Processor time of each kind of process so far, threads included; "client": of this process."""
    own = psutil.Process().cpu_times()
    found = {"client": float(own.user + own.system)}
    for pid, kind in find_processes().items():
        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.NoSuchProcess:
            continue
        found[kind] = found.get(kind, 0.0) + float(times.user + times.system)
    return found


def high_water(pid: int) -> int:
    """VmHWM of a process, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise BenchmarkError(f"/proc/{pid}/status has no VmHWM")


def torch_files(pid: int) -> int:
    """How many files of torch are mapped into a process."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    paths = {line.split(maxsplit=5)[5] for line in lines if len(line.split(maxsplit=5)) == 6}
    return sum("/torch/" in path or "libtorch" in path for path in paths)
