"""The engine: examples to a style, a photo and a style to a picture. What the worker and the CLI call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from model.adaptation import Adaptation, AdaptConfig, Judgement, fit, stored_rates
from model.checkpoint import Base, load_base, phi_shapes
from model.colors import keep_colors
from model.data.folders import pictures, to_image, to_tensor
from model.errors import CheckpointMissingError
from model.formats import StyleHeader
from model.networks import Objective
from model.perceptual.vgg import VGG16Features
from model.phi import interpolate
from model.regions import mix, soften
from model.runtime import keep_freed_memory, prefers_bf16, resolve_device
from model.style import Style, blend_styles

PREVIEW_SIDE = 192
BANK = Path(__file__).parent / "photos"


@dataclass(frozen=True)
class Progress:
    """What ``on_progress`` gets at step 0 and after every step."""

    step: int
    steps: int
    losses: dict[str, float]  # style, content, total: means over the held-out photos
    preview: Image.Image | None


class Engine:
    """A base checkpoint in memory on one device. Not thread-safe: one call at a time."""

    max_examples = 16
    max_side = 1280  # pixels; longer photos are rendered at this size: the worker stays under 2 GB

    def __init__(self, base: Base, device: torch.device, config: AdaptConfig | None = None) -> None:
        self.base, self.device = base, device
        self.config = config or AdaptConfig()
        if self.config.adapt is None and "adapt" in base.header:
            self.config = replace(self.config, adapt=tuple(base.header["adapt"]))
        self.base_hash = base.hash
        self.default_steps = self.config.steps
        self.objective = Objective(VGG16Features().to(device), amp=prefers_bf16(device))
        self.shapes = phi_shapes(base.networks)
        head = base.critic.shapes() if base.critic is not None else {}
        self.rates = stored_rates(self.shapes | head, base.rates).to(device)
        found = pictures(BANK)
        if not found:
            raise CheckpointMissingError(f"no photos in {BANK}: the installation is incomplete")
        self.bank = [Image.open(path).convert("RGB") for path in found]

    @classmethod
    def load(
        cls, checkpoint: Path | None = None, *, device: str = "auto", config: AdaptConfig | None = None
    ) -> Engine:
        """Load a base checkpoint (default: the shipped one) on ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

        Raises ``CheckpointMissingError``, ``CheckpointFormatError`` or ``DeviceUnavailableError``.
        """
        keep_freed_memory()
        where = resolve_device(device)
        return cls(load_base(checkpoint, where), where, config)

    def adaptation(
        self, examples: Sequence[Image.Image], *, contents: Sequence[Image.Image] = (), seed: int = 0
    ) -> Adaptation:
        """The inner loop that ``adapt`` runs, not yet begun: for measuring what happens inside it.

        Raises ``ValueError`` without examples or with more than 16.
        """
        if not 1 <= len(examples) <= self.max_examples:
            raise ValueError(f"a style needs 1 to {self.max_examples} examples, not {len(examples)}")
        torch.manual_seed(seed)  # colour directions are drawn from torch's generator
        held_out = self.bank[: self.config.held_out]
        bank = self.bank[self.config.held_out :]
        own = [photo.convert("RGB") for photo in contents]
        return Adaptation(
            self.base.networks,
            self.objective,
            [example.convert("RGB") for example in examples],
            [photo for pair in zip(own, bank, strict=False) for photo in pair] if own else bank,
            held_out=held_out,
            config=self.config,
            critic=self.base.critic,
            seed=seed,
        )

    def adapt(
        self,
        examples: Sequence[Image.Image],
        *,
        contents: Sequence[Image.Image] = (),
        steps: int | None = None,
        seed: int = 0,
        preview: Image.Image | None = None,
        preview_every: int = 5,
        on_progress: Callable[[Progress], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Style:
        """Learn a style from 1 to 16 examples: the MAML inner loop from the meta-learned start.

        Args:
            examples: pictures in the style, any size, converted to RGB.
            contents: photos to adapt on beside the bundled ones: those that the style is meant for.
            steps: inner steps; 0 gives the zero-step style.
            preview: photo that is rendered every ``preview_every`` steps, at about 192 pixels.
            on_progress: called at step 0 and after every step, from this thread.
            should_stop: asked between steps; True raises ``AdaptationCanceled``.

        Returns:
            The style at its best step, never worse than step 0 on held-out photos.

        Raises ``ValueError`` without examples or with more than 16, ``AdaptationCanceled``.
        """
        job = self.adaptation(examples, contents=contents, seed=seed)
        total = self.default_steps if steps is None else steps
        shown = fit(preview.convert("RGB"), PREVIEW_SIDE) if preview is not None else None

        def visit(step: int, phi: dict[str, Tensor], judged: Judgement) -> None:
            if on_progress is None:
                return
            due = shown is not None and (step % max(1, preview_every) == 0 or step == total)
            picture = self._render(shown, phi) if due and shown is not None else None
            on_progress(Progress(step, total, judged.as_dict(), picture))

        adapted = job.run(self.rates, steps=total, on_step=visit, should_stop=should_stop)
        header = StyleHeader(
            base_hash=self.base_hash,
            k=len(examples),
            steps=adapted.step,
            seed=seed,
            losses={"start": adapted.start.as_dict(), "end": adapted.end.as_dict()},
            licence=str(self.base.header["card"].get("licence", "")),
        )
        return Style({name: value.float().cpu() for name, value in adapted.phi.items()}, header)

    def blend(self, parts: Sequence[tuple[Style, float]]) -> Style:
        """A style between several, by weight: ``model.style.blend_styles``."""
        return blend_styles(parts)

    def stylize(
        self,
        photo: Image.Image,
        style: Style,
        *,
        strength: float = 1.0,
        size: int | None = None,
        preserve_color: bool = False,
        mask: Image.Image | None = None,
        outside: Style | None = None,
        feather: float = 0.0,
    ) -> Image.Image:
        """Render a photo in a style, or in a ``blend`` of styles.

        Args:
            strength: 0 (the photo's own style) to 1 (the style), above 1 exaggerates.
            size: longer side of the result in pixels; never upscales; default the photo's own, at
                most ``max_side``.
            preserve_color: keep the photo's colours and take the brushwork only (``model.colors``).
            mask: grey picture, stretched to the photo: white takes ``style``, black ``outside``. Both are
                rendered whole and then mixed: instance normalisation is a statistic of the whole picture,
                so phi cannot change from place to place without changing both sides.
            outside: the style where the mask is black; None leaves the photo as it is there.
            feather: standard deviation of the mask's soft edge, in pixels of the result.

        Raises ``StyleFormatError`` when a style does not fit the network.
        """
        for each in (style, outside):
            if each is not None:
                each.check_shapes(self.shapes)
        rgb = self._sized(photo.convert("RGB"), size)

        def painted(chosen: Style) -> Image.Image:
            result = self._styled(rgb, chosen, strength)
            return keep_colors(rgb, result) if preserve_color else result

        if mask is None:
            return painted(style)
        region = soften(mask, rgb.size, feather)
        darkest, lightest = region.getextrema()  # a mask of one colour costs one rendering
        inside = painted(style) if lightest else rgb
        if darkest == 255:
            return inside
        return mix(inside, painted(outside) if outside is not None else rgb, region)

    def _sized(self, rgb: Image.Image, size: int | None) -> Image.Image:
        longest = min(size or self.max_side, self.max_side, max(rgb.size))
        if longest == max(rgb.size):
            return rgb
        scale = longest / max(rgb.size)
        shape = (max(1, round(rgb.width * scale)), max(1, round(rgb.height * scale)))
        return rgb.resize(shape, Image.Resampling.LANCZOS)

    def _styled(self, rgb: Image.Image, style: Style, strength: float) -> Image.Image:
        phi = {name: value.to(self.device) for name, value in style.phi.items()}
        if strength != 1.0:
            phi = interpolate(self._own_style(rgb), phi, strength)
        return self._render(rgb, phi)

    def _own_style(self, photo: Image.Image) -> dict[str, Tensor]:
        small = to_tensor([fit(photo, self.config.example_side)]).to(self.device)
        with torch.no_grad(), self.objective.autocast():
            phi = self.base.networks.encoder(self.objective.style_statistics(small))
        return {name: value.float() for name, value in phi.items()}

    def _render(self, photo: Image.Image, phi: dict[str, Tensor]) -> Image.Image:
        batch = to_tensor([photo]).to(self.device)  # (1, 3, H, W)
        with torch.no_grad(), self.objective.autocast():
            rendered = self.base.networks(batch, phi)[0]
        return to_image(rendered)
