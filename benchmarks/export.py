"""Exported styles: sizes, seconds, distance to the network's pictures. ``python -m benchmarks.export``.

Next to the precisions that ``fewstroke export`` offers stands static quantization by ONNX Runtime (weights
and activations in 8 bits, ranges from the bundled photos), which was not chosen.
"""

import json
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image

from benchmarks.machine import library_versions, machine_info

RESULTS = Path(__file__).parent / "results"
EXAMPLES = Path(__file__).parents[1] / "demo" / "examples"
CALIBRATION = 192  # px, side of the photos that ranges are taken from


def main(
    side: Annotated[int, typer.Option(help="Side of the photos in pixels.")] = 512,
    photos: Annotated[int, typer.Option(help="Bundled photos to compare on.")] = 4,
    out: Annotated[Path, typer.Option(help="Folder for the JSON file and the table.")] = RESULTS,
) -> None:
    """Export the demo's style in every precision, render, compare; write ``export.json`` and ``.md``."""
    from model.data.folders import pictures, to_tensor
    from model.engine import BANK, Engine
    from model.export import Precision, export_style

    engine = Engine.load(device="cpu", renderer="torch")
    examples = [Image.open(path).convert("RGB") for path in sorted(EXAMPLES.glob("*.jpg"))[:5]]
    style = engine.adapt(examples, steps=0)
    bank = [Image.open(path).convert("RGB") for path in pictures(BANK)]
    shown = [photo.resize((side, side)) for photo in bank[:photos]]
    expected = [to_tensor([engine.stylize(photo, style)]).numpy() for photo in shown]
    inputs = [to_tensor([photo]).numpy() for photo in shown]
    files, seconds = {}, {}
    for precision in Precision:
        started = time.perf_counter()
        files[precision.value] = export_style(style.to_bytes(), precision=precision)
        seconds[precision.value] = time.perf_counter() - started
    started = time.perf_counter()
    small = [to_tensor([photo.resize((CALIBRATION, CALIBRATION))]).numpy() for photo in bank]
    files["int8, static"] = _static(files["fp32"], small)
    seconds["int8, static"] = time.perf_counter() - started
    rows = [
        {"precision": name, "megabytes": round(len(file) / 1e6, 2), "export_seconds": round(seconds[name], 2)}
        | _compare(file, inputs, expected)
        for name, file in files.items()
    ]
    lines = [
        "| weights | file | export | PSNR to torch, float32 | largest difference, of 255 | one picture |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['precision']} | {row['megabytes']} MB | {row['export_seconds']} s | {row['psnr_db']} dB "
        f"| {row['largest']} | {row['cpu_seconds']} s CPU |"
        for row in rows
    ]
    page = (
        f"# Exported styles\n\nCheckpoint {engine.base_hash[:8]}, zero-step style of the demo's paintings, "
        f"{photos} photos of {side}x{side} pixels, ONNX Runtime on one thread.\n\n" + "\n".join(lines) + "\n"
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
    pictures = [session.run(None, {"photo": photo})[0] for photo in inputs]
    started = time.process_time()
    for photo in inputs:
        session.run(None, {"photo": photo})
    cpu_seconds = (time.process_time() - started) / len(inputs)
    gaps = [np.abs(a - b) for a, b in zip(pictures, expected, strict=True)]
    error = float(np.mean([np.square(gap).mean() for gap in gaps]))
    return {
        "psnr_db": round(-10 * float(np.log10(max(error, 1e-14))), 1),
        "largest": round(255 * max(float(gap.max()) for gap in gaps), 3),
        "cpu_seconds": round(cpu_seconds, 2),
    }


def _static(file: bytes, photos: list[Any]) -> bytes:
    """Convolutions with weights and activations in 8 bits, ranges from ``photos``."""
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Photos(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left: Iterator[Any] = iter(photos)

        def get_next(self) -> dict[str, Any] | None:
            photo = next(self._left, None)
            return None if photo is None else {"photo": photo}

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "fp32.onnx"), Path(folder, "int8.onnx")
        source.write_bytes(file)
        quantize_static(
            source,
            target,
            Photos(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv"],
        )
        return target.read_bytes()


if __name__ == "__main__":
    typer.run(main)
