"""Draws photos in styles, coarse to fine, by OpenVINO or by torch, whatever suits the device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from model.formats import Surface
from model.image.dials import Dials
from model.image.engine_types import Rendering
from model.image.media.folders import to_image, to_tensor
from model.image.network.networks import Networks
from model.image.network.style_params import Phi, at_level, stack
from model.image.pyramid import Step, plan, resized
from model.image.rendering.flattening import flattened
from model.image.rendering.joint_upsampling import enlarge
from model.image.rendering.masks import mix, soften
from model.image.rendering.openvino_renderer import OpenVINORenderer
from model.image.rendering.preserve_color import keep_colors
from model.image.rendering.redrawing import redraw
from model.image.rendering.size_batches import batches, fitting
from model.image.rendering.video import Scene, Smoothing
from model.image.style import Style

PLAIN = Surface()
MOST_PIXELS = 2048 * 2048  # of one forward pass on the CPU, where more at once gain nothing


@dataclass(frozen=True)
class Drawing:
    """A photo to be drawn: it has the size of the plan's last step."""

    photo: Image.Image
    phi: Phi  # of a style: a sample a level
    dials: Dials
    steps: tuple[Step, ...]
    surface: Surface = PLAIN  # ``StyleHeader.surface``

    @classmethod
    def of(cls, photo: Image.Image, phi: Phi, dials: Dials, surface: Surface = PLAIN) -> Drawing:
        """An RGB photo, shrunk to the size at which it is drawn."""
        steps = plan(photo.size, dials.stroke_size)
        return cls(resized(photo, steps[-1].size), phi, dials, tuple(steps), surface)


class Renderer:
    """The networks as a renderer of pictures. Not thread-safe: one call at a time.

    ``shapes``: those of the tensors of phi, without the levels. ``native``: OpenVINO's renderer; None: torch
    renders. ``amp``: whether torch computes in bf16.
    """

    max_side = 8192  # pixels; longer photos are rendered at this size
    max_frame_side = 1280  # of moving pictures

    def __init__(
        self,
        networks: Networks,
        native: OpenVINORenderer | None,
        shapes: dict[str, torch.Size],
        *,
        device: torch.device,
        amp: bool,
    ) -> None:
        self.networks, self.native = networks, native
        self.device, self.amp = device, amp
        self._shapes = shapes
        self.batch_pixels = MOST_PIXELS * (8 if device.type == "cuda" else 1)

    @property
    def name(self) -> str:
        """The renderer's name and precision, for logs, heartbeats and reports."""
        if self.native is not None:
            return self.native.name
        return f"torch, {'bf16' if self.amp else 'float32'}"

    def stylize_many(self, renderings: Sequence[Rendering]) -> list[Image.Image]:
        """``Engine.stylize_many``."""
        sheets: list[tuple[Image.Image, Image.Image | None, list[Style | None]]] = []
        wanted: list[Drawing] = []
        for r in renderings:
            for each in (r.style, r.outside):
                if each is not None:
                    each.check_shapes(self._shapes)
            rgb = resized(r.photo.convert("RGB"), fitting(r.photo.size, r.size, self.max_side))
            region = soften(r.mask, rgb.size, r.feather) if r.mask is not None else None
            darkest, lightest = region.getextrema() if region is not None else (255, 255)
            # A mask of one colour costs one rendering, and a strength of 0 none: it is the photo.
            needed = [r.style if lightest else None, r.outside if darkest != 255 else None]
            needed = [style if r.dials.strength > 0 else None for style in needed]
            sheets.append((rgb, region if darkest != 255 else None, needed))
            wanted += [
                Drawing.of(rgb, style.phi, r.dials, style.header.surface)
                for style in needed
                if style is not None
            ]
        drawn = iter(zip(wanted, self.draw_many(wanted), strict=True))
        results = []
        for r, (rgb, region, needed) in zip(renderings, sheets, strict=True):
            layers = []
            for style in needed:
                if style is None:
                    layers.append(rgb)
                    continue
                drawing, layer = next(drawn)
                if layer.size != rgb.size:
                    layer = enlarge(layer, drawing.photo, rgb)
                layers.append(keep_colors(rgb, layer) if r.preserve_color else layer)
            inside, outside = layers
            results.append(inside if region is None else mix(inside, outside, region))
        return results

    def batches(self, renderings: Sequence[Rendering], most: int) -> list[list[int]]:
        """Which of them go through one forward pass, by position: drawn alike, and at most ``most``."""
        plans = [
            tuple(plan(fitting(r.photo.size, r.size, self.max_side), r.dials.stroke_size)) for r in renderings
        ]
        return batches(plans, [_area(steps) for steps in plans], most, self.batch_pixels)

    def stylize_frames(
        self,
        frames: Iterable[Image.Image],
        style: Style,
        *,
        dials: Dials,
        size: int | None,
        preserve_color: bool,
        smoothing: Smoothing,
    ) -> Iterator[Image.Image]:
        """``Engine.stylize_frames``."""
        style.check_shapes(self._shapes)
        phi = {name: value.to(self.device) for name, value in style.phi.items()}
        scene, first = Scene(smoothing), None
        for frame in frames:
            first = first or frame.size
            if frame.size != first:
                raise ValueError(f"the frames of a clip have one size, {first}, and not {frame.size} too")
            rgb = resized(frame.convert("RGB"), fitting(frame.size, size, self.max_frame_side))
            given, weight = scene.take(to_tensor([rgb])[0].to(self.device))
            if dials.strength > 0:
                steady = to_image(given)
                drawing = Drawing.of(steady, phi, dials, style.header.surface)
                made = to_image(self._draw([drawing], scene)[0])
                if made.size != steady.size:
                    made = enlarge(made, drawing.photo, steady)
                if preserve_color:
                    made = keep_colors(steady, made)
                given = to_tensor([made])[0].to(self.device)
            yield to_image(scene.settle(given, weight))

    def draw_many(self, drawings: Sequence[Drawing]) -> list[Image.Image]:
        """The drawings at the sizes of their plans, in as few passes as those and ``batch_pixels`` allow."""
        results: dict[int, Image.Image] = {}
        plans = [drawing.steps for drawing in drawings]
        most = len(drawings) if self.native is None else 1  # OpenVINO draws one by one
        for members in batches(plans, [_area(steps) for steps in plans], max(1, most), self.batch_pixels):
            rendered = self._draw([drawings[i] for i in members])
            results |= {i: to_image(each) for i, each in zip(members, rendered, strict=True)}
        return [results[i] for i in range(len(drawings))]

    def _draw(self, drawings: Sequence[Drawing], scene: Scene | None = None) -> Tensor:
        """Drawings of one plan -> (B, 3, H, W). ``scene``: its normalisation goes on from frame to frame."""
        steps = drawings[0].steps
        phi = [{k: v.to(self.device) for k, v in d.phi.items()} for d in drawings]
        sheets = self._flattened(drawings)
        photos = [to_tensor([resized(sheet, s.size) for sheet in sheets]).to(self.device) for s in steps]

        def draw(at: int, x: Tensor, again: bool) -> Tensor:
            level = steps[at].level
            if self.native is not None and scene is None:
                return self.native.draw(x, at_level(phi[0], level), eight_bit=at == len(steps) - 1)
            normalize = scene.normalize(at, again) if scene is not None else None
            kind = self.device.type
            with torch.no_grad(), torch.autocast(kind, torch.bfloat16, enabled=self.amp):
                rendered: Tensor = self.networks.stylizer(
                    x, stack([at_level(p, level) for p in phi]), normalize
                )
            return rendered.float()

        levels, dials = [s.level for s in steps], [d.dials for d in drawings]
        return redraw(photos, draw, levels, dials, [d.surface for d in drawings])

    def _flattened(self, drawings: Sequence[Drawing]) -> list[Image.Image]:
        """Their photos, without what the style leaves out."""
        shares = [d.dials.flatness * d.surface.flatness for d in drawings]
        photos = [d.photo for d in drawings]
        if not any(shares):
            return photos
        share = torch.tensor(shares).view(-1, 1, 1, 1).to(self.device)
        return [to_image(x) for x in flattened(to_tensor(photos).to(self.device), share)]


def _area(steps: Sequence[Step]) -> int:
    width, height = steps[-1].size
    return width * height
