"""How fast a run goes and what of the machine it uses, in a CSV."""

from __future__ import annotations

import csv
import os
import resource
import shutil
import subprocess
import time
from pathlib import Path

import torch

COLUMNS = (
    "time",  # seconds since the epoch
    "stage",
    "step",
    "steps_per_second",
    "renders_per_second",
    "cpu_percent",  # of one core, this process
    "memory_mib",  # peak resident memory of this process
    "gpu_percent",  # utilisation by nvidia-smi; empty without it
    "gpu_memory_mib",  # in use on the device by nvidia-smi
    "gpu_allocated_mib",  # peak of torch's allocator since the last row
)


class Throughput:
    """Counts steps and renders, and writes a row every ``seconds``."""

    def __init__(self, path: Path, device: torch.device, *, seconds: float = 15.0) -> None:
        self.path, self.device, self.seconds = path, device, seconds
        self.smi = shutil.which("nvidia-smi") if device.type == "cuda" else None
        self.stage, self.step = "", 0
        self._restart()

    def add(self, stage: str, step: int, renders: int) -> None:
        """One step that rendered so many pictures was made."""
        if stage != self.stage:
            self.flush()
            self.stage = stage
            self._restart()
        self.step = step
        self.steps += 1
        self.renders += renders
        if time.monotonic() - self.since > self.seconds:
            self.flush()

    def flush(self) -> None:
        """Write what was counted since the last row, if anything."""
        elapsed = time.monotonic() - self.since
        if self.steps == 0 or elapsed <= 0:
            return
        percent, used, allocated = self._gpu()
        row = (
            round(time.time()),
            self.stage,
            self.step,
            round(self.steps / elapsed, 3),
            round(self.renders / elapsed, 2),
            round(100 * (time.process_time() - self.cpu) / elapsed),
            round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            percent,
            used,
            allocated,
        )
        new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(COLUMNS)
            writer.writerow(row)
        self._restart()

    def _restart(self) -> None:
        self.since, self.cpu = time.monotonic(), time.process_time()
        self.steps = self.renders = 0

    def _gpu(self) -> tuple[str, str, str]:
        if self.device.type != "cuda":
            return "", "", ""
        allocated = str(round(torch.cuda.max_memory_allocated(self.device) / 2**20))
        torch.cuda.reset_peak_memory_stats(self.device)
        percent, used = query_smi(self.smi, self.device.index or 0)
        return percent, used, allocated


def query_smi(program: str | None, index: int) -> tuple[str, str]:
    """Utilisation in percent and memory in MiB of one GPU, as text; empty when nobody can say."""
    if program is None:
        return "", ""
    # CUDA numbers the devices that it may see; nvidia-smi numbers all.
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    name = visible[index].strip() if index < len(visible) and visible[index].strip() else str(index)
    command = [
        program,
        f"--id={name}",
        "--query-gpu=utilization.gpu,memory.used",
        "--format=csv,noheader,nounits",
    ]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout
        percent, used = (part.strip() for part in answer.strip().splitlines()[0].split(","))
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return "", ""
    return percent, used
