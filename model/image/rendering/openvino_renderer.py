"""Renders on CPUs with OpenVINO, the blocks in 8 bits, with a check on every picture."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from model.device import release_freed_memory
from model.image.network.style_params import Phi
from model.image.network.stylizer import Stylizer
from model.image.rendering.openvino_graph import build
from model.image.rendering.openvino_runtime import openvino

logger = logging.getLogger(__name__)

EXPECTED = 6.0  # standard deviations within which the values of a photo's maps lie, nearly all of them
TOLERATED = 3.5  # peaks above so many times what is expected: rendered again without 8 bits (decision 39)
KEPT_PIXELS = 1280 * 1280  # of a picture whose maps, 180 bytes a pixel, stay for the next one
FLAT = 0.45  # share of pixels that hardly differ from their neighbours, above which 8 bits are not tried

Array = NDArray[np.float32]


class OpenVINORenderer:
    """A stylizer's weights, compiled for this processor. Not thread-safe: one call at a time.

    Pictures differ from the network's in float32 by rounding: ``docs/decisions/0039``.
    """

    def __init__(self, stylizer: Stylizer, *, eight_bit: bool, bf16: bool, threads: int) -> None:
        self._stylizer = stylizer
        self.eight_bit, self.bf16 = eight_bit, bf16
        self._settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32",
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,
        }
        self._core = openvino().Core()
        self._requests: dict[bool, Any] = {}
        self._request(eight_bit)

    @property
    def name(self) -> str:
        """For logs and reports."""
        rest = "bf16" if self.bf16 else "float32"
        return f"OpenVINO, int8 and {rest}" if self.eight_bit else f"OpenVINO, {rest}"

    def draw(self, x: Tensor, phi: Phi, *, eight_bit: bool) -> Tensor:
        """A picture (1, 3, H, W) in 0..1, of at least 16 pixels a side, under one style at one level (B = 1).

        ``eight_bit``: where the processor gains by it; the coarse levels cost little and are drawn without.

        Raises ``RuntimeError`` when the runtime did not render it.
        """
        height, width = x.shape[2:]
        padded = F.pad(x, (0, -width % 4, 0, -height % 4), mode="reflect")
        pixels = padded[0].permute(1, 2, 0).contiguous().numpy()
        inputs = {"photo": pixels[None], **prepare(phi, self._stylizer)}
        keep = height * width <= KEPT_PIXELS
        if not keep:
            release_freed_memory()  # what an adaptation left: the maps are not taken from there
        picture, *peaks = self._run(eight_bit and self.eight_bit and flatness(pixels) <= FLAT, inputs, keep)
        if peaks:
            reached = excess(peaks[0], phi, self._stylizer.config.blocks)
            if reached > TOLERATED:
                logger.info("rendered again without 8 bits: peaks at %.1f of what is usual", reached)
                picture, *_ = self._run(False, inputs, keep)
        return torch.from_numpy(np.array(picture)).permute(0, 3, 1, 2)[:, :, :height, :width].contiguous()

    def convolution_seconds(self, x: Tensor, phi: Phi) -> float:
        """Seconds that a picture (1, 3, H, W) spends in convolutions; sides are multiples of 4.

        By a network of its own that counts, which is compiled for it: seconds.
        """
        graph = build(self._stylizer, eight_bit=self.eight_bit)
        request = self._core.compile_model(
            graph, "CPU", {**self._settings, "PERF_COUNT": True}
        ).create_infer_request()
        inputs = {"photo": x.permute(0, 2, 3, 1).contiguous().numpy(), **prepare(phi, self._stylizer)}
        for _ in range(5):  # the last one counts
            request.infer(inputs)
        convolutions = (node for node in request.profiling_info if "Convolution" in node.node_type)
        return float(sum(node.real_time.total_seconds() for node in convolutions))

    def _run(self, eight_bit: bool, inputs: dict[str, Any], keep: bool) -> list[NDArray[Any]]:
        request = self._request(eight_bit)
        results = request.infer(inputs, share_inputs=True, share_outputs=keep)
        found = [results[i] for i in range(len(results))]
        if found[0].shape != inputs["photo"].shape:
            # A graph that cannot be computed for a size raises nothing, and leaves what was rendered last.
            raise RuntimeError(f"OpenVINO gave {found[0].shape} for a photo of {inputs['photo'].shape}")
        if not keep:
            request.get_compiled_model().release_memory()
            release_freed_memory()
        return found

    def _request(self, eight_bit: bool) -> Any:
        """The compiled network; the one without 8 bits is compiled when a picture first needs it."""
        if eight_bit not in self._requests:
            graph = build(self._stylizer, eight_bit=eight_bit)
            compiled = self._core.compile_model(graph, "CPU", self._settings)
            self._requests[eight_bit] = compiled.create_infer_request()
        return self._requests[eight_bit]


def prepare(phi: Phi, stylizer: Stylizer) -> dict[str, Array]:
    """Phi (B = 1) as the graph's inputs: the colour map is part of the last convolution."""
    given = {name: value.detach().float().cpu() for name, value in phi.items()}
    color = given.pop("color")
    assert stylizer.out.bias is not None
    matrix, offset = color[0, :, :3], color[:, :, 3]
    kernel = stylizer.out.weight.detach().float().cpu()
    if "out.delta" in given:
        kernel = kernel + given.pop("out.delta")[0]
    given["out.weight"] = torch.einsum("dc,cihw->dihw", matrix, kernel)
    given["out.bias"] = offset + matrix @ stylizer.out.bias.detach().float().cpu()
    return {name: value.numpy() for name, value in given.items()}


def flatness(pixels: Array) -> float:
    """The share of pixels (H, W, 3) within an eight-bit level of the next ones to the right and below, 0..1.

    Drawings, cut-outs and gradients have mostly such pixels, photos few; where there is nothing to see, the
    normalisation amplifies what rounding adds. Every fourth row is looked at.
    """
    rows, below = pixels[:-1:4, :-1], pixels[1::4, :-1]
    right = pixels[:-1:4, 1:]
    change = np.maximum(np.abs(rows - right), np.abs(rows - below[: len(rows)])).max(2)
    return float((change <= 1.5 / 255).mean())


def excess(peaks: Array, phi: Phi, blocks: int) -> float:
    """How far the largest peak of a picture's maps lies above what is expected, as a factor.

    A map is a sum of normalised ones, with mean beta and deviation gamma in each channel; ``EXPECTED``
    deviations from the mean, in the channel that reaches farthest, are expected.
    """

    def reach(mean: torch.Tensor, variance: torch.Tensor) -> float:
        return float((mean.abs() + EXPECTED * variance.sqrt()).max())

    mean, variance = phi["down2.beta"].float(), phi["down2.gamma"].float().square()
    worst = 0.0
    for i in range(blocks):
        inner = reach(phi[f"block{i}.conv1.beta"].float(), phi[f"block{i}.conv1.gamma"].float().square())
        for peak, usual in ((peaks[2 * i], reach(mean, variance)), (peaks[2 * i + 1], inner)):
            worst = max(worst, float(peak) / max(usual, 1e-6))
        mean = mean + phi[f"block{i}.conv2.beta"].float()
        variance = variance + phi[f"block{i}.conv2.gamma"].float().square()
    return worst
