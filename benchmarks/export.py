"""Exported styles: sizes, seconds, distance to the service's pictures. ``python -m benchmarks.export``."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image

from benchmarks.machine import library_versions, machine_info

RESULTS = Path(__file__).parent / "results"
EXAMPLES = Path(__file__).parents[1] / "app/studio/pictures/examples"


def main(
    side: Annotated[int, typer.Option(help="Width of the photos in pixels.")] = 512,
    photos: Annotated[int, typer.Option(help="Bundled photos to compare on.")] = 4,
    out: Annotated[Path, typer.Option(help="Folder for the JSON file and the table.")] = RESULTS,
) -> None:
    """Export the demo's style in every precision, render, compare; write ``export.json`` and ``.md``."""
    from model.image.checkpoint import phi_shapes
    from model.image.dials import Dials
    from model.image.engine import BANK, Engine
    from model.image.engine_types import Rendering
    from model.image.export import Precision, export_style
    from model.image.rendering.renderer import Renderer
    from model.image.style import Style

    engine = Engine.load(device="cpu", renderer="torch")
    examples = [Image.open(path).convert("RGB") for path in sorted(EXAMPLES.glob("*.jpg"))[:5]]
    file_of_style = engine.adapt(examples, steps=0).to_bytes()
    style = Style.from_bytes(file_of_style, base_hash=engine.base_hash)
    bank = [Image.open(path).convert("RGB") for path in sorted(BANK.glob("*.jpg"))[:photos]]
    bank = [photo.resize((side, round(side * photo.height / photo.width))) for photo in bank]
    renderer = Renderer(
        engine.base.networks, None, phi_shapes(engine.base.networks), device=engine.device, amp=False
    )
    expected = renderer.stylize_many([Rendering(photo, style, Dials()) for photo in bank])
    wanted = [np.asarray(picture, dtype=np.float32) for picture in expected]
    inputs = [np.asarray(photo, dtype=np.float32).transpose(2, 0, 1)[None] / 255 for photo in bank]
    files, seconds = {}, {}
    for precision in Precision:
        started = time.perf_counter()
        files[precision.value] = export_style(file_of_style, precision=precision)
        seconds[precision.value] = time.perf_counter() - started
    rows = [
        {"precision": name, "megabytes": round(len(file) / 1e6, 2), "export_seconds": round(seconds[name], 2)}
        | _compare(file, inputs, wanted)
        for name, file in files.items()
    ]
    lines = [
        "| weights | file | export | PSNR to the service | largest difference, of 255 | one picture |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['precision']} | {row['megabytes']} MB | {row['export_seconds']} s | {row['psnr_db']} dB "
        f"| {row['largest']} | {row['cpu_seconds']} s CPU |"
        for row in rows
    ]
    page = (
        f"# Exported styles\n\nCheckpoint {engine.base_hash[:8]}, zero-step style of the demo's paintings, "
        f"{photos} photos {side} pixels wide, pictures in 8 bits; the service in float32, ONNX Runtime on "
        "one thread.\n\n" + "\n".join(lines) + "\n"
    )
    document = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine_info(),
        "libraries": library_versions(),
        "checkpoint": engine.base_hash,
        "arguments": {"side": side, "photos": photos},
        "rows": rows,
    }
    (out / "export.json").write_text(json.dumps(document, indent=1) + "\n")
    (out / "export.md").write_text(page)
    typer.echo(page)


def _compare(file: bytes, inputs: list[Any], expected: list[Any]) -> dict[str, float]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    pictures = [session.run(None, {"photo": photo})[0][0].transpose(1, 2, 0) for photo in inputs]
    started = time.process_time()
    for photo in inputs:
        session.run(None, {"photo": photo})
    cpu_seconds = (time.process_time() - started) / len(inputs)
    gaps = [np.abs((255 * a).round() - b) for a, b in zip(pictures, expected, strict=True)]
    error = float(np.mean([np.square(gap).mean() for gap in gaps]))
    return {
        "psnr_db": round(10 * float(np.log10(255**2 / max(error, 1e-9))), 1),
        "largest": max(float(gap.max()) for gap in gaps),
        "cpu_seconds": round(cpu_seconds, 2),
    }


if __name__ == "__main__":
    typer.run(main)
