"""Renders moving pictures without flicker: what stands still in the clip stands still in the result.

Frame by frame, a feed-forward network flickers for two reasons, and there is one remedy for each:

- Instance normalisation divides by the statistics of one frame. When something enters the picture, they
  change, and with them every colour, also where nothing happened. Here they are moving averages over the
  frames of a scene, layer by layer.
- The network amplifies noise. Where a pixel's neighbourhood changes by no more than noise does, the new frame
  is a small step from the old one, before the network and after it. That needs no optical flow: where there
  is motion the weight is zero and the frame is left alone, so nothing is dragged along.

At a cut both begin anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from model.image.network.instance_norm import EPSILON
from model.image.network.stylizer import Normalize

_WINDOW = 7  # pixels a side of the neighbourhood in which a change is measured
_REACH = 9  # pixels a side of the neighbourhood that is moving when a part of it is
_SHIFT, _STIR = 0.75, 1.75  # limits of the two measures of a change, in deviations of the noise
_HISTOGRAM_BINS = 4  # of each channel, to find cuts


@dataclass(frozen=True)
class Smoothing:
    """How much a frame owes to those before it; all zero is frame by frame."""

    statistics: float = 0.9  # weight of the past in the normalisation's moving averages, 0..1
    still: float = 0.9  # weight of the past where nothing moves, 0..1
    noise: float = 0.02  # standard deviation (levels 0..1) of what is taken for noise, not for motion
    cut: float = 0.45  # distance of colour histograms (0..1) beyond which a new scene begins


FRAME_BY_FRAME = Smoothing(statistics=0.0, still=0.0)


class SharedStatistics:
    """Normalisation by moving averages over frames: ``Stylizer.forward(..., normalize=this)``.

    The frames of a batch (B, ...) follow one another; the state goes on from batch to batch until ``reset``.
    """

    def __init__(self, past: float) -> None:
        self.past = past
        self._state: dict[str, tuple[Tensor, Tensor]] = {}

    def reset(self) -> None:
        """Forget the scene."""
        self._state.clear()

    def __call__(self, x: Tensor, gamma: Tensor, beta: Tensor, layer: str) -> Tensor:
        """(B, C, H, W), (B, C), (B, C) -> (B, C, H, W), by the averages up to each frame."""
        wide = x.float()
        mean = wide.mean((2, 3))  # (B, C)
        variance = (wide - mean[..., None, None]).square().mean((2, 3))
        means, variances = [], []
        state = self._state.get(layer)
        for i in range(len(x)):
            now = (mean[i], variance[i])
            if state is not None:
                now = (torch.lerp(now[0], state[0], self.past), torch.lerp(now[1], state[1], self.past))
            state = now
            means.append(now[0])
            variances.append(now[1])
        assert state is not None
        self._state[layer] = state
        scale = gamma.float() * (torch.stack(variances) + EPSILON).rsqrt()
        shift = beta.float() - torch.stack(means) * scale
        result = torch.addcmul(shift[..., None, None], wide, scale[..., None, None])
        return result.to(x.dtype).contiguous(memory_format=torch.channels_last)


class StillParts:
    """Where the clip stands still, a frame is a step from the one before: once for what goes into the network
    and once for what comes out, with the same weights."""

    def __init__(self, smoothing: Smoothing) -> None:
        self.smoothing = smoothing
        self._given: Tensor | None = None  # (3, H, W), the last frame as it went in
        self._made: Tensor | None = None

    def reset(self) -> None:
        """Forget the scene."""
        self._given = self._made = None

    def steady(self, frame: Tensor) -> tuple[Tensor, Tensor | None]:
        """(3, H, W) in 0..1 -> the frame to render, and the weight of the past (1, H, W) or None."""
        if self._given is None or self.smoothing.still == 0:
            self._given = frame
            return frame, None
        weight = self.smoothing.still * torch.exp(-self._change(frame))
        self._given = torch.lerp(frame, self._given, weight)
        return self._given, weight

    def settle(self, made: Tensor, weight: Tensor | None) -> Tensor:
        """(3, H, W), the rendered frame -> what is shown."""
        if weight is not None and self._made is not None:
            made = torch.lerp(made, self._made, weight)
        self._made = made
        return made

    def _change(self, frame: Tensor) -> Tensor:
        """(1, H, W): how much there is more than noise around every pixel, 0 is nothing.

        Two measures of a window: of its mean colour, in which noise averages out and a slow change does not,
        and of its mean absolute change, in which a texture that moves shows.
        """
        assert self._given is not None
        change = (frame - self._given)[None]  # (1, 3, H, W)
        shift = _mean(change).abs().amax(1, keepdim=True) / (_SHIFT * self.smoothing.noise)
        stir = _mean(change.abs().mean(1, keepdim=True)) / (_STIR * self.smoothing.noise)
        return F.max_pool2d(shift.square() + stir.square(), _REACH, 1, _REACH // 2)[0]


def _mean(x: Tensor) -> Tensor:
    """Of the window around every pixel."""
    return F.avg_pool2d(F.pad(x, (_WINDOW // 2,) * 4, mode="replicate"), _WINDOW, 1)


class Scene:
    """The memory of a clip: empty at its start and after every cut."""

    def __init__(self, smoothing: Smoothing) -> None:
        self.smoothing = smoothing
        self.statistics = SharedStatistics(smoothing.statistics) if smoothing.statistics > 0 else None
        self.still = StillParts(smoothing)
        self._palette: Tensor | None = None

    def take(self, frame: Tensor) -> tuple[Tensor, Tensor | None]:
        """(3, H, W), the next frame -> the frame to render, and what ``settle`` wants to know.

        Where a scene begins, what came before it is forgotten.
        """
        before, self._palette = self._palette, palette(frame)
        if before is None or is_cut(before, self._palette, self.smoothing.cut):
            if self.statistics is not None:
                self.statistics.reset()
            self.still.reset()
        return self.still.steady(frame)

    def settle(self, made: Tensor, weight: Tensor | None) -> Tensor:
        """(3, H, W), the rendered frame -> what is shown."""
        return self.still.settle(made, weight)

    def normalize(self, step: int, again: bool) -> Normalize | None:
        """The normalisation of a step of the plan, drawn once or ``again``; None: by each frame alone."""
        if self.statistics is None:
            return None
        shared = self.statistics
        return lambda x, gamma, beta, layer: shared(x, gamma, beta, f"{step}.{again}.{layer}")


def palette(frame: Tensor) -> Tensor:
    """(3, H, W) in 0..1 -> (64,): shares of the pixels in each bin of colours, for ``is_cut``."""
    small = F.interpolate(frame[None], (32, 32), mode="area")[0]
    index = (small * _HISTOGRAM_BINS).long().clamp(0, _HISTOGRAM_BINS - 1).flatten(1)  # (3, 1024)
    flat = (index[0] * _HISTOGRAM_BINS + index[1]) * _HISTOGRAM_BINS + index[2]
    return torch.bincount(flat, minlength=_HISTOGRAM_BINS**3).float() / flat.numel()


def is_cut(before: Tensor, after: Tensor, threshold: float) -> bool:
    """Whether two palettes are those of different scenes: half their L1 distance is above the threshold."""
    return bool((before - after).abs().sum() / 2 > threshold)
