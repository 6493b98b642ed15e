"""The engine: examples to a style, a photo and a style to a picture. What the worker and the CLI call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from model.adaptation import Adaptation, AdaptConfig, Judgement, fit, stored_rates
from model.checkpoint import Base, load_base, phi_shapes
from model.data.folders import pictures, to_image, to_tensor
from model.errors import CheckpointMissingError
from model.formats import StyleHeader
from model.networks import Objective
from model.perceptual.vgg import VGG16Features
from model.phi import interpolate
from model.runtime import keep_freed_memory, prefers_bf16, resolve_device
from model.style import Style

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
        self.base_hash = base.hash
        self.default_steps = self.config.steps
        self.objective = Objective(VGG16Features().to(device), amp=prefers_bf16(device))
        self.shapes = phi_shapes(base.networks)
        self.rates = stored_rates(self.shapes, base.rates).to(device)
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
        if not 1 <= len(examples) <= self.max_examples:
            raise ValueError(f"a style needs 1 to {self.max_examples} examples, not {len(examples)}")
        total = self.default_steps if steps is None else steps
        torch.manual_seed(seed)  # colour directions are drawn from torch's generator
        held_out = self.bank[: self.config.held_out]
        bank = self.bank[self.config.held_out :]
        own = [photo.convert("RGB") for photo in contents]
        job = Adaptation(
            self.base.networks,
            self.objective,
            [example.convert("RGB") for example in examples],
            [photo for pair in zip(own, bank, strict=False) for photo in pair] if own else bank,
            held_out=held_out,
            config=self.config,
            seed=seed,
        )
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

    def stylize(
        self, photo: Image.Image, style: Style, *, strength: float = 1.0, size: int | None = None
    ) -> Image.Image:
        """Render a photo in a style.

        Args:
            strength: 0 (the photo's own style) to 1 (the style), above 1 exaggerates.
            size: longer side of the result in pixels; never upscales; default the photo's own, at
                most ``max_side``.

        Raises ``StyleFormatError`` when the style does not fit the network.
        """
        style.check_shapes(self.shapes)
        rgb = photo.convert("RGB")
        longest = min(size or self.max_side, self.max_side, max(rgb.size))
        if longest < max(rgb.size):
            scale = longest / max(rgb.size)
            shape = (max(1, round(rgb.width * scale)), max(1, round(rgb.height * scale)))
            rgb = rgb.resize(shape, Image.Resampling.LANCZOS)
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
