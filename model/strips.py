"""Large pictures: the stylizer evaluated layer by layer over strips of rows, exactly and in bounded memory.

Tiles that are rendered one by one would each be normalised by their own statistics and show seams; the
statistics of a thumbnail (URST, Chen et al. 2022) remove the seams and change the picture. Here every layer
is finished over the whole picture, strip by strip, before the next one begins: its statistics are those of
the whole picture, convolutions take their border rows from the neighbouring strip, and the result is that of
``Stylizer.forward`` up to rounding. Kept between the layers are two maps at a quarter of the resolution, 24
bytes a pixel of the photo; what lies at higher resolution is computed again where it is needed.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from model.data.folders import to_image, to_tensor
from model.enlarging import blur, convolve_enlarged, doubling
from model.errors import RenderingCanceled
from model.instance_norm import EPSILON
from model.phi import Phi
from model.runtime import release_freed_memory
from model.stylizer import Stylizer, mix_channels, upsample

STRIP_BYTES = 2**19  # of one channel of the photo in one strip: about 50 MB of working memory
KEEP_PIXELS = 2**23  # photos up to here keep the map at half resolution: 36 bytes a pixel, a quarter faster

Rows = Callable[[int, int], Tensor]
"""Rows ``lo`` to ``hi`` of a layer's output: (1, C, hi - lo, W), channels last."""


def render_in_strips(
    stylizer: Stylizer,
    photo: Image.Image,
    phi: Phi,
    *,
    dtype: torch.dtype,
    strip_pixels: int | None = None,
    keep_pixels: int = KEEP_PIXELS,
    should_stop: Callable[[], bool] | None = None,
) -> Image.Image:
    """Render an RGB photo of at least 16 pixels a side under one style (B = 1), on the stylizer's device.

    ``dtype``: of the convolutions. Maps are kept in that precision, but float32 ones in float16.
    ``strip_pixels``: of the photo in one strip; None: as many as ``STRIP_BYTES`` holds in ``dtype``.

    Raises ``RenderingCanceled`` when ``should_stop``, asked before every strip, answers True.
    """
    if strip_pixels is None:
        strip_pixels = STRIP_BYTES // dtype.itemsize
    with torch.no_grad(), torch.autocast(stylizer.out.weight.device.type, enabled=False):
        return _Rendering(stylizer, photo, phi, dtype, strip_pixels, keep_pixels, should_stop).run()


class _Rendering:
    def __init__(
        self,
        stylizer: Stylizer,
        photo: Image.Image,
        phi: Phi,
        dtype: torch.dtype,
        strip_pixels: int,
        keep_pixels: int,
        should_stop: Callable[[], bool] | None,
    ) -> None:
        self.net, self.photo, self.phi, self.dtype = stylizer, photo, phi, dtype
        self.device = stylizer.out.weight.device
        self.should_stop = should_stop
        self.height, self.width = (photo.height + 3) // 4, (photo.width + 3) // 4  # at a quarter
        self.strip = max(4, strip_pixels // (16 * self.width))  # rows at a quarter
        self.keeps_half = photo.width * photo.height <= keep_pixels

    def run(self) -> Image.Image:
        release_freed_memory()  # what an adaptation left: the maps are not taken from there
        x = self._down()
        y = self._map(self.height, self.width, self.net.config.width)
        for i in range(self.net.config.blocks):
            self._block(i, x, y)
        del y
        return self._up(x)

    def _down(self) -> Tensor:
        """Photo to the map that the blocks work on: (H/4, W/4, width)."""
        height = 2 * self.height
        first = self._conv(self.net.down1, self._pixels, height)
        norm = self._moments("down1", first, height, 2)
        second = self._conv(self.net.down2, lambda lo, hi: F.relu_(norm(first(lo, hi))), height)
        x = self._map(self.height, self.width, self.net.config.width)
        norm = self._moments("down2", second, self.height, 1, keep=x)
        for lo, hi in self._strips(self.height):
            _store(x, lo, F.relu_(norm(self._rows(x)(lo, hi))))
        return x

    def _block(self, i: int, x: Tensor, y: Tensor) -> None:
        """One residual block, x in place; y is scratch."""
        first, second = self._layers(i)
        name = f"block{i}"
        norm1 = self._moments(
            f"{name}.conv1", self._conv(first, self._rows(x), self.height), self.height, keep=y
        )
        down, up = self.phi[f"{name}.down"], self.phi[f"{name}.up"]
        gather = _Gather(self, f"{name}.conv2")
        # The last row of the strip before, which its result has overwritten. One buffer for all strips: what
        # is kept of a strip among its freed blocks makes the heap grow.
        shape = (1, self.net.config.width, 1, self.width)
        above = _channels_last(torch.empty(shape, dtype=self.dtype, device=self.device))
        for lo, hi in self._strips(self.height):
            rows = F.relu_(norm1(self._rows(y)(lo, min(hi + 1, self.height))))
            own = rows[:, :, : hi - lo]
            whole = rows if lo == 0 else torch.cat([above, rows], 2)
            above.copy_(own[:, :, -1:])
            low = mix_channels(mix_channels(own, down), up)
            z = _convolve(second, whole, top=lo == 0, bottom=hi == self.height) + low
            gather.add(z)
            _store(y, lo, z)
        norm2 = gather.norm()
        for lo, hi in self._strips(self.height):
            _store(x, lo, norm2(self._rows(y)(lo, hi)).add_(self._rows(x)(lo, hi)))

    def _up(self, x: Tensor) -> Image.Image:
        half, full = 2 * self.height, 4 * self.height
        first = self._enlarged(self.net.up1, self._rows(x), self.height)
        kept = self._map(half, 2 * self.width, self.net.config.up_half) if self.keeps_half else None
        norm1 = self._moments("up1", first, half, 2, keep=kept)
        raw = first if kept is None else self._rows(kept)
        second = self._enlarged(self.net.up2, lambda lo, hi: F.relu_(norm1(raw(lo, hi))), half)
        norm2 = self._moments("up2", second, full, 4)
        last = self._conv(
            self.net.out, lambda lo, hi: F.relu_(norm2(second(lo, hi))), full, self.phi.get("out.delta")
        )
        color = self.phi["color"].float()
        result = Image.new("RGB", self.photo.size)
        for lo, hi in self._strips(full, 4):
            bottom = min(hi, self.photo.height)
            if bottom <= lo:
                break
            rgb = mix_channels(last(lo, hi).float(), color[:, :, :3], color[:, :, 3])
            strip = torch.sigmoid(rgb)[0, :, : bottom - lo, : self.photo.width]
            result.paste(to_image(strip), (0, lo))
        return result

    def _layers(self, i: int) -> tuple[nn.Conv2d, nn.Conv2d]:
        block = self.net.blocks[i]
        assert isinstance(block, nn.ModuleList)
        first, second = block
        assert isinstance(first, nn.Conv2d)
        assert isinstance(second, nn.Conv2d)
        return first, second

    def _strips(self, height: int, scale: int = 1) -> Iterator[tuple[int, int]]:
        """The strips of a layer with ``height`` rows, ``scale`` times those at a quarter of the photo's."""
        step = self.strip * scale
        for lo in range(0, height, step):
            if self.should_stop is not None and self.should_stop():
                raise RenderingCanceled("stopped between two strips of a picture, as requested")
            yield lo, min(lo + step, height)

    def _pixels(self, lo: int, hi: int) -> Tensor:
        """Rows at half resolution of the photo, reflected to multiples of 4: (1, 12, hi - lo, W/2)."""
        height, width = self.photo.size[::-1]
        top, bottom = 2 * lo, 2 * hi
        below, right = max(0, bottom - height), 4 * self.width - width
        start = min(top, height - below - 1)  # the rows that are reflected are above the last one
        strip = to_tensor([self.photo.crop((0, start, width, min(bottom, height)))]).to(self.device)
        if below or right:
            strip = F.pad(strip, (0, right, 0, below), mode="reflect")
        strip = strip[:, :, top - start :]
        return _channels_last(F.pixel_unshuffle((strip - 0.5).to(self.dtype), 2))

    def _moments(
        self, layer: str, rows: Rows, height: int, scale: int = 1, *, keep: Tensor | None = None
    ) -> Callable[[Tensor], Tensor]:
        """Run over a layer once: its normalisation. Its output is stored in ``keep``, when given."""
        gather = _Gather(self, layer)
        for lo, hi in self._strips(height, scale):
            strip = rows(lo, hi)
            gather.add(strip)
            if keep is not None:
                _store(keep, lo, strip)
        return gather.norm()

    def _conv(self, layer: nn.Conv2d, source: Rows, height: int, delta: Tensor | None = None) -> Rows:
        """Rows of a convolution over ``source``, which has ``height`` rows."""
        stride = layer.stride[0]

        def rows(lo: int, hi: int) -> Tensor:
            top, bottom = stride * lo - 1, stride * (hi - 1) + 2
            strip = source(max(0, top), min(height, bottom))
            return _convolve(layer, strip, top=top < 0, bottom=bottom > height, delta=delta)

        return rows

    def _enlarged(self, layer: nn.Conv2d, source: Rows, height: int) -> Rows:
        """Rows of a convolution over ``source``, which has ``height`` rows, enlarged to twice the size.

        In the order of ``model.enlarging``; as it is written where a border is reflected.
        """
        kernel = doubling(layer.weight).to(self.dtype, memory_format=torch.channels_last)
        blurring = blur(len(layer.weight)).to(kernel)
        bias = layer.bias.to(kernel) if layer.bias is not None else None

        def rows(lo: int, hi: int) -> Tensor:
            first, last = lo // 2 - 1, (hi + 1) // 2  # of the source, a border of the picture included
            start = max(0, first)
            x = source(start, min(height, last + 1))
            padded = F.pad(x, (1, 1, int(first < 0), int(last == height)), mode="replicate")
            found = convolve_enlarged(_channels_last(padded), kernel, blurring, bias)
            found = found[:, :, lo - 2 * first - 2 :][:, :, : hi - lo]

            def written(columns: slice, top: int, bottom: int) -> Tensor:
                strip = _upsampled(lambda a, b: x[:, :, a - start : b - start, columns], height)
                return self._conv(layer, strip, 2 * height)(top, bottom)

            found[..., :1] = written(slice(0, 2), lo, hi)[..., :1]
            found[..., -1:] = written(slice(-2, None), lo, hi)[..., -1:]
            if lo == 0:
                found[:, :, :1] = written(slice(None), 0, 1)
            if hi == 2 * height:
                found[:, :, -1:] = written(slice(None), hi - 1, hi)
            return found

        return rows

    def _rows(self, kept: Tensor) -> Rows:
        """Rows of a map, in the precision of the convolutions: a view where it is kept in that."""
        return lambda lo, hi: kept[lo:hi].unsqueeze(0).permute(0, 3, 1, 2).to(self.dtype)

    def _map(self, height: int, width: int, channels: int) -> Tensor:
        """(H, W, C), not initialised."""
        dtype = torch.float16 if self.dtype is torch.float32 else self.dtype
        if self.device.type != "cpu":
            return torch.empty(height, width, channels, dtype=dtype, device=self.device)
        # Pages of its own: they go back to the system with the map, whatever the allocator keeps.
        pages = mmap.mmap(-1, height * width * channels * dtype.itemsize)
        return torch.frombuffer(pages, dtype=dtype).view(height, width, channels)


class _Gather:
    """Mean and variance of a layer's channels over strips (Chan et al. 1983), in float64."""

    def __init__(self, rendering: _Rendering, layer: str) -> None:
        self._gamma = rendering.phi[f"{layer}.gamma"][0].float()
        self._beta = rendering.phi[f"{layer}.beta"][0].float()
        self._mean, self._variance = torch.zeros_like(self._gamma), torch.ones_like(self._gamma)
        # numbers, not tensors, which would lie between the freed blocks of the strips
        self._parts: list[tuple[int, list[float], list[float]]] = []

    def add(self, strip: Tensor) -> None:
        """A strip: (1, C, h, W)."""
        # float32, the variance over n - 1
        torch.batch_norm_update_stats(strip, self._mean, self._variance, 1.0)
        self._parts.append((strip.numel() // strip.shape[1], self._mean.tolist(), self._variance.tolist()))

    def norm(self) -> Callable[[Tensor], Tensor]:
        """The conditional instance normalisation with the statistics of all strips."""
        count = torch.tensor([n for n, _, _ in self._parts], dtype=torch.float64).unsqueeze(1)
        means = torch.tensor([mean for _, mean, _ in self._parts], dtype=torch.float64)  # (strips, C)
        variances = torch.tensor([variance for _, _, variance in self._parts], dtype=torch.float64)
        mean = (count * means).sum(0) / count.sum()
        spread = ((count - 1) * variances + count * (means - mean).square()).sum(0) / count.sum()
        here, there = mean.to(self._gamma), spread.to(self._gamma)
        return lambda x: F.batch_norm(x, here, there, self._gamma, self._beta, False, 0.0, EPSILON)


def _convolve(
    layer: nn.Conv2d, strip: Tensor, *, top: bool, bottom: bool, delta: Tensor | None = None
) -> Tensor:
    """The convolution of a strip that has its border rows, or gets them by reflection at the edge."""
    kernel = layer.weight if delta is None else layer.weight + delta[0].to(layer.weight)
    weight = kernel.to(strip.dtype, memory_format=torch.channels_last)
    bias = layer.bias.to(strip.dtype) if layer.bias is not None else None
    return F.conv2d(F.pad(strip, (1, 1, int(top), int(bottom)), mode="reflect"), weight, bias, layer.stride)


def _upsampled(source: Rows, height: int) -> Rows:
    """Rows of the bilinear enlargement of a layer with ``height`` rows."""

    def rows(lo: int, hi: int) -> Tensor:
        first, last = max(0, (lo - 1) // 2), min(height, hi // 2 + 1)
        return _channels_last(upsample(source(first, last))[:, :, lo - 2 * first : hi - 2 * first])

    return rows


def _store(kept: Tensor, lo: int, strip: Tensor) -> None:
    kept[lo : lo + strip.shape[2]].copy_(strip[0].permute(1, 2, 0))


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)
