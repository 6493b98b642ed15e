"""``fewstroke export``: a style as an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import InputError, about, reported_errors, tell
from model.image.export.precision import Precision


def export(
    style: Annotated[Path, typer.Argument(help="Style file of `fewstroke adapt`.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="File to write.", show_default="the style's name with .onnx"),
    ] = None,
    precision: Annotated[
        Precision, typer.Option(help="Of the weights: fp32 (3.8 MB), fp16 (2.0 MB), int8 (1.2 MB).")
    ] = Precision.FP32,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Another base checkpoint.", show_default="the one in the package")
    ] = None,
) -> None:
    """Write network and style as one ONNX file, for ONNX Runtime anywhere, also in a browser."""
    with reported_errors():
        from app.cli.results import refuse_picture_name, write_bytes
        from app.styles.tensors import check_tensors
        from model.image.export import export_style

        if not style.is_file():
            raise InputError(f"{style} does not exist: make a style with `fewstroke adapt`")
        target = output or style.with_suffix(".onnx")
        if target.is_dir():
            raise InputError(f"{target} is a folder: name the file, e.g. {target / style.stem}.onnx")
        refuse_picture_name(target, ".onnx")
        if target.resolve() == style.resolve():
            raise InputError(f"{target} is the style itself and would be overwritten: choose another -o")
        with about(style):
            data = style.read_bytes()
            check_tensors(data)
            file = export_style(data, precision=precision, checkpoint=checkpoint)
        write_bytes(target, file)
        tell(f"{target}: {len(file) / 1e6:.1f} MB, {precision.value}")
