"""Turns a base checkpoint and a style into one ONNX file with the style folded in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from safetensors import SafetensorError

from model.errors import (
    CheckpointFormatError,
    ExportUnavailableError,
    StyleBaseMismatchError,
    StyleFormatError,
)
from model.formats import (
    BASE_FORMAT,
    METADATA_KEY,
    checkpoint_hash,
    default_checkpoint,
    read_style_header,
)
from model.image.dials import DETAIL_TAKEN
from model.image.export.precision import Precision

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]
    Tensors: TypeAlias = dict[str, Array]

INPUT, OUTPUT = "photo", "picture"


def export_style(
    style: bytes, *, precision: Precision = Precision.FP32, checkpoint: Path | None = None
) -> bytes:
    """The ONNX file of a style file: ``photo`` to ``picture``, both (batch, 3, height, width), RGB in 0..1.

    Height and width are free, from 16 pixels. The graph draws as the service does, coarse to fine; two dials
    are inputs that may be left out.

    Raises ``ExportUnavailableError`` without the package onnx, ``StyleFormatError``,
    ``StyleBaseMismatchError``, ``CheckpointMissingError``, ``CheckpointFormatError``.
    """
    try:
        from model.image.export.graph import GraphBuilder
        from model.image.export.network import Network
        from model.image.export.redraw import redraw
    except ImportError as error:
        raise ExportUnavailableError(
            "the export needs the package onnx: pip install 'fewstroke[export]'"
        ) from error
    header = read_style_header(style)
    base = checkpoint_hash(checkpoint)
    if header.base_hash != base:
        raise StyleBaseMismatchError(
            f"the style was adapted from base {header.base_hash[:12]}, but base {base[:12]} is loaded: "
            "learn it again from its examples (`fewstroke adapt`), or load its own base"
        )
    config, network = _read_base(checkpoint or default_checkpoint())
    phi = _read_phi(style)
    found = {name: value.shape for name, value in phi.items()}
    if found != {name: (len(DETAIL_TAKEN), *shape) for name, shape in shapes_of(config).items()}:
        raise StyleFormatError("the style's tensors do not fit the network: the file is damaged")
    builder = GraphBuilder()
    try:
        drawing = Network.of(builder, config["blocks"], network, phi, precision)
        redraw(builder, drawing, header.surface, INPUT, OUTPUT)
    except (KeyError, ValueError) as error:
        raise CheckpointFormatError(f"the base checkpoint's tensors do not fit: {error}") from error
    return builder.model(
        INPUT,
        OUTPUT,
        {
            "fewstroke": header.to_json(),
            "precision": precision.value,
            "licence": header.licence,
            "input": "photo: RGB in 0..1, float32, (batch, 3, height, width), at least 16 pixels a side; "
            "strength in 0..1.5 and abstraction in 0..1, float32 scalars, may be left out",
        },
    )


def shapes_of(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Of every tensor of phi, without the levels."""
    width, rank = config["width"], config["rank"]
    layers = {"down1": config["half"], "down2": width, "up1": config["up_half"], "up2": config["up_full"]}
    shapes: dict[str, tuple[int, ...]] = {"color": (3, 4)}
    for i in range(config["blocks"]):
        layers |= {f"block{i}.conv1": width, f"block{i}.conv2": width}
        shapes |= {f"block{i}.down": (rank, width), f"block{i}.up": (width, rank)}
    for layer, channels in layers.items():
        shapes |= {f"{layer}.gamma": (channels,), f"{layer}.beta": (channels,)}
    if config.get("last_convolution"):
        shapes["out.delta"] = (3, config["up_full"], 3, 3)
    return shapes


def _read_base(path: Path) -> tuple[dict[str, Any], Tensors]:
    """The stylizer's configuration, and its tensors as float32."""
    import numpy as np
    from safetensors import safe_open

    prefix = "networks/stylizer."
    try:
        with safe_open(path, framework="np") as file:
            header = json.loads((file.metadata() or {})[METADATA_KEY])
            if header["format"] != BASE_FORMAT:
                raise CheckpointFormatError(f"{path} has format {header['format']!r}, not {BASE_FORMAT!r}")
            names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118
            tensors = {name.removeprefix(prefix): file.get_tensor(name).astype(np.float32) for name in names}
        return header["stylizer"], tensors
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointFormatError(f"{path} is no base checkpoint of Fewstroke: {error}") from error


def _read_phi(style: bytes) -> Tensors:
    import numpy as np
    from safetensors.numpy import load

    try:
        phi = {name: value.astype(np.float32) for name, value in load(style).items()}
    except (SafetensorError, ValueError, KeyError) as error:
        raise StyleFormatError(f"the style's tensors cannot be read: {error}") from error
    if not all(bool(np.isfinite(value).all()) for value in phi.values()):
        raise StyleFormatError("the style's tensors hold numbers that are not finite")
    return phi
