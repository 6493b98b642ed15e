"""Photos and styles to pictures: by OpenVINO, by torch, or in strips, whatever suits size and device."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from PIL import Image
from torch import Tensor

from model.adaptation import fit
from model.colors import keep_colors
from model.data.folders import to_image, to_tensor
from model.frames import Smoothing, render_frames
from model.networks import Networks, Objective
from model.padding import padded, padded_frame
from model.passes import Size, fitting, passes
from model.phi import Phi, interpolate, stack
from model.regions import mix, soften
from model.rendering.native import NativeRenderer
from model.requests import Rendering
from model.runtime import release_freed_memory
from model.strips import render_in_strips
from model.strokes import enlarge, network_size
from model.style import Style
from model.stylizer import Normalize

WHOLE_PIXELS = 1280 * 1280  # what torch renders whole: with more the worker would need over 2 GB
NATIVE_WHOLE_PIXELS = 2048 * 2048  # 175 bytes a pixel, given back after each picture above WHOLE_PIXELS

Wanted = tuple[Image.Image, Phi, Callable[[], bool] | None]  # photo, phi (B = 1), should_stop


class Renderer:
    """The networks as a renderer of pictures. Not thread-safe: one call at a time.

    ``shapes``: those of the tensors of phi. ``native``: OpenVINO's renderer; None: torch renders.
    ``example_side``: the short side, in pixels, at which a photo's own style is looked at.
    """

    max_side = 8192  # pixels; longer photos are rendered at this size
    max_frame_side = 1280  # of moving pictures

    def __init__(
        self,
        networks: Networks,
        objective: Objective,
        native: NativeRenderer | None,
        shapes: dict[str, torch.Size],
        *,
        example_side: int,
    ) -> None:
        self.networks, self.objective, self.native = networks, objective, native
        self.device = objective.device
        self._shapes, self._example_side = shapes, example_side
        self.whole_pixels = WHOLE_PIXELS if native is None else NATIVE_WHOLE_PIXELS  # more: in strips
        # Pixels of one forward pass: on the CPU, where more gain nothing, as many as one photo may have.
        self.batch_pixels = WHOLE_PIXELS * (16 if self.device.type == "cuda" else 1)

    @property
    def name(self) -> str:
        """The renderer's name and precision, for logs, heartbeats and reports."""
        if self.native is not None:
            return self.native.name
        return f"torch, {'bf16' if self.objective.amp else 'float32'}"

    def stylize_many(self, renderings: Sequence[Rendering]) -> list[Image.Image]:
        """``Engine.stylize_many``."""
        sheets: list[tuple[Image.Image, Image.Image, Image.Image | None, list[Style | None]]] = []
        wanted: list[Wanted] = []
        for r in renderings:
            for each in (r.style, r.outside):
                if each is not None:
                    each.check_shapes(self._shapes)
            rgb = self._sized(r.photo.convert("RGB"), r.size)
            region = soften(r.mask, rgb.size, r.feather) if r.mask is not None else None
            darkest, lightest = region.getextrema() if region is not None else (255, 255)
            # A mask of one colour costs one rendering.
            needed = [r.style if lightest else None, r.outside if darkest != 255 else None]
            small = _at(rgb, network_size(rgb.size, r.stroke_size))
            sheets.append((rgb, small, region if darkest != 255 else None, needed))
            wanted += [
                (small, self._phi(rgb, style, r.strength), r.should_stop)
                for style in needed
                if style is not None
            ]
        painted = iter(self.render_many(wanted))
        results = []
        for r, (rgb, small, region, needed) in zip(renderings, sheets, strict=True):
            layers = []
            for style in needed:
                if style is None:
                    layers.append(rgb)
                    continue
                layer = next(painted)
                layer = layer if small is rgb else enlarge(layer, small, rgb)
                layers.append(keep_colors(rgb, layer) if r.preserve_color else layer)
            inside, outside = layers
            results.append(inside if region is None else mix(inside, outside, region))
        return results

    def together(self, renderings: Sequence[Rendering], most: int) -> list[list[int]]:
        """Which of them go through one forward pass, by position: of one size, and at most ``most``."""
        sizes = [
            network_size(fitting(r.photo.size, r.size, self.max_side), r.stroke_size) for r in renderings
        ]
        return passes(sizes, most, self.batch_pixels)

    def stylize_frames(
        self,
        frames: Iterable[Image.Image],
        style: Style,
        *,
        strength: float,
        size: int | None,
        preserve_color: bool,
        smoothing: Smoothing,
    ) -> Iterator[Image.Image]:
        """``Engine.stylize_frames``."""
        style.check_shapes(self._shapes)

        def sized(frame: Image.Image) -> Image.Image:
            return frame.convert("RGB").resize(
                fitting(frame.size, size, self.max_frame_side), Image.Resampling.LANCZOS
            )

        def forward(frame: Tensor, phi: Phi, normalize: Normalize | None) -> Tensor:
            height, width = frame.shape[1:]
            with torch.no_grad(), self.objective.autocast():
                made: Tensor = self.networks.stylizer(padded_frame(frame)[None], phi, normalize)
            return made[0, :, :height, :width].float()

        yield from render_frames(
            map(sized, frames),
            lambda first: self._phi(first, style, strength),
            forward,
            smoothing,
            device=self.device,
            preserve_color=preserve_color,
        )

    def render(self, photo: Image.Image, phi: Phi) -> Image.Image:
        """One photo under phi (B = 1)."""
        return self.render_many([(photo, phi, None)])[0]

    def render_many(self, wanted: Sequence[Wanted]) -> list[Image.Image]:
        """Photos under phi (B = 1 each), in as few passes as their sizes and ``batch_pixels`` allow."""
        sizes = [photo.size for photo, *_ in wanted]
        wanted = [(padded(photo), phi, should_stop) for photo, phi, should_stop in wanted]
        results: dict[int, Image.Image] = {}
        for members in passes([photo.size for photo, *_ in wanted], len(wanted), self.batch_pixels):
            width, height = wanted[members[0]][0].size
            if width * height > self.whole_pixels:
                results |= {i: self._in_strips(*wanted[i]) for i in members}
            elif self.native is not None:  # the CPU gains nothing by passes of many
                for i in members:
                    if width * height > WHOLE_PIXELS:
                        release_freed_memory()  # what an adaptation left: the maps are not taken from there
                    results[i] = self.native.render(*wanted[i][:2], keep=width * height <= WHOLE_PIXELS)
            else:
                batch = to_tensor([wanted[i][0] for i in members]).to(self.device)  # (B, 3, H, W)
                with torch.no_grad(), self.objective.autocast():
                    rendered = self.networks(batch, stack([wanted[i][1] for i in members]))
                results |= {i: to_image(each) for i, each in zip(members, rendered, strict=True)}
        return [_cut(results[i], size) for i, size in enumerate(sizes)]

    def _in_strips(self, photo: Image.Image, phi: Phi, should_stop: Callable[[], bool] | None) -> Image.Image:
        dtype = torch.bfloat16 if self.objective.amp else torch.float32
        return render_in_strips(self.networks.stylizer, photo, phi, dtype=dtype, should_stop=should_stop)

    def _sized(self, rgb: Image.Image, size: int | None) -> Image.Image:
        return _at(rgb, fitting(rgb.size, size, self.max_side))

    def _phi(self, rgb: Image.Image, style: Style, strength: float) -> dict[str, Tensor]:
        """A style at a strength, for one photo, on the device."""
        phi = {name: value.to(self.device) for name, value in style.phi.items()}
        return phi if strength == 1.0 else interpolate(self._own_style(rgb), phi, strength)

    def _own_style(self, photo: Image.Image) -> dict[str, Tensor]:
        small = to_tensor([fit(photo, self._example_side)]).to(self.device)
        with torch.no_grad(), self.objective.autocast():
            phi = self.networks.encoder(self.objective.style_statistics(small))
        return {name: value.float() for name, value in phi.items()}


def _at(image: Image.Image, size: Size) -> Image.Image:
    """The picture at a size; itself when it has it."""
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


def _cut(image: Image.Image, size: Size) -> Image.Image:
    """The upper left corner of that size; itself when it is no larger."""
    return image if image.size == size else image.crop((0, 0, *size))
