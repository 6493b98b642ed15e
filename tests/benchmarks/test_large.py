"""``python -m benchmarks.large``: what is written. Nothing here renders a picture."""

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import large


def test_a_result_names_checkpoint_renderer_and_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory depends on the renderer's precision, and PSNR on the checkpoint."""

    def probed(command: list[str], **_options: object) -> Any:
        run = {
            "checkpoint": "0123456789abcdef",
            "renders_with": "OpenVINO, float32",
            "size": [int(side) for side in command[command.index("--one") + 1].split("x")],
            "how": "whole" if "--whole" in command else "strips",
        } | dict.fromkeys(("seconds", "cpu_seconds", "loaded_mib", "peak_mib", "after_mib"), 1)
        return SimpleNamespace(returncode=0, stdout=json.dumps(run), stderr="")

    monkeypatch.setattr(subprocess, "run", probed)
    monkeypatch.setattr(large, "cores_busy", lambda: 0.5)
    large.main(size=["64x32", "4096x4096"], one=None, whole=False, out=tmp_path)
    document = json.loads((tmp_path / "large.json").read_text())
    assert [(run["size"], run["how"]) for run in document["runs"]] == [
        ([64, 32], "whole"),
        ([64, 32], "strips"),
        ([4096, 4096], "strips"),
    ]
    assert document["busy_share"] == 0.5
    text = (tmp_path / "large.md").read_text()
    assert "Checkpoint 01234567, OpenVINO, float32. " in text
    assert "50% of them used by others" in text
    assert "| 4096x4096 | strips |" in text
