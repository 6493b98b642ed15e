"""The engine: examples to a style, a photo and a style to a picture. What the worker and the CLI call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from model.adaptation import Adaptation, AdaptConfig, PhotoMemory, fit, glance_at
from model.adaptation_loop import Judgement, adapt_together
from model.checkpoint import Base, load_base, phi_shapes
from model.data.folders import pictures
from model.errors import AdaptationCanceled, CheckpointMissingError
from model.formats import StyleHeader
from model.frames import Smoothing
from model.inner_rates import served_rates
from model.networks import Objective
from model.perceptual.network import PerceptualNetwork
from model.rendering.choice import choose_renderer
from model.rendering.renderer import Renderer
from model.requests import Learning, Progress, Rendering
from model.runtime import (
    keep_freed_memory,
    prefers_bf16,
    resolve_device,
    use_available_processors,
)
from model.style import Style, blend_styles

PREVIEW_SIDE = 192
BANK = Path(__file__).parent / "photos"


class Engine:
    """A base checkpoint in memory on one device. Not thread-safe: one call at a time."""

    max_examples = 16

    def __init__(
        self,
        base: Base,
        device: torch.device,
        config: AdaptConfig | None = None,
        *,
        renderer: str = "auto",
    ) -> None:
        self.base, self.device = base, device
        self.config = config or AdaptConfig()
        if self.config.adapt is None:
            self.config = replace(self.config, adapt=base.adapt)
        self.base_hash = base.hash
        self.default_steps = self.config.steps
        self.objective = Objective(
            PerceptualNetwork().to(device),
            amp=prefers_bf16(device),
            patches=self.config.weights.patches > 0,
        )
        self.shapes = phi_shapes(base.networks)
        self.renderer = Renderer(
            base.networks,
            self.objective,
            choose_renderer(renderer, base.networks.stylizer, device),
            self.shapes,
            example_side=self.config.example_side,
        )
        head = base.critic.shapes() if base.critic is not None else {}
        self.rates = served_rates(self.shapes | head, base.rates, self.config.rate).to(device)
        found = pictures(BANK)
        if not found:
            raise CheckpointMissingError(f"no photos in {BANK}: the installation is incomplete")
        # What adaptations look at again: the held-out photos, and the bundled ones as seeds cut them.
        self._judges, self._banks = PhotoMemory(1), PhotoMemory(2)
        self.bank = [Image.open(path).convert("RGB") for path in found]
        # The bundled ones whatever photos a user gives: these may be grey.
        self._glances = glance_at(self.bank[self.config.held_out :]).to(device)

    @classmethod
    def load(
        cls,
        checkpoint: Path | None = None,
        *,
        device: str = "auto",
        config: AdaptConfig | None = None,
        renderer: str = "auto",
    ) -> Engine:
        """Load a base checkpoint (default: the shipped one) on ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

        ``renderer``: what renders photos, see ``model.rendering.choice``.

        Raises ``CheckpointMissingError``, ``CheckpointFormatError``, ``DeviceUnavailableError`` or
        ``RendererUnavailableError``.
        """
        keep_freed_memory()
        use_available_processors()
        where = resolve_device(device)
        return cls(load_base(checkpoint, where), where, config, renderer=renderer)

    def check_device(self) -> None:
        """Raise what a GPU raises that no longer computes for this process; on a CPU do nothing."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    @property
    def renders_with(self) -> str:
        """The renderer's name and precision, for logs, heartbeats and reports."""
        return self.renderer.name

    def adaptation(
        self, examples: Sequence[Image.Image], *, contents: Sequence[Image.Image] = (), seed: int = 0
    ) -> Adaptation:
        """The inner loop that ``adapt`` runs, not yet begun: for measuring what happens inside it.

        Raises ``ValueError`` without examples or with more than 16.
        """
        if not 1 <= len(examples) <= self.max_examples:
            raise ValueError(f"a style needs 1 to {self.max_examples} examples, not {len(examples)}")
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
            judges_memory=self._judges,
            bank_memory=self._banks if not own else None,
            glances=self._glances,
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
            preview: photo that is rendered every ``preview_every`` steps, at about 192 pixels; first in
                the zero-step style, as soon as that is known and before any loss is computed.
            on_progress: called with the zero-step preview, at step 0 and after every step, from this thread.
            should_stop: asked between steps; True raises ``AdaptationCanceled``.

        Returns:
            The style at its best step, never worse than step 0 on held-out photos.

        Raises ``ValueError`` without examples or with more than 16, ``AdaptationCanceled``.
        """
        request = Learning(examples, contents, seed, preview, on_progress, should_stop)
        (outcome,) = self.adapt_many([request], steps=steps, preview_every=preview_every)
        if isinstance(outcome, AdaptationCanceled):
            raise outcome
        return outcome

    def adapt_many(
        self, requests: Sequence[Learning], *, steps: int | None = None, preview_every: int = 5
    ) -> list[Style | AdaptationCanceled]:
        """``adapt`` for many at once, in one inner loop: each gets the style that it would get alone.

        The results differ by the rounding of sums in another order. What ``should_stop`` of one request
        ends leaves the batch, and the others go on.

        Returns:
            For each request its style, or ``AdaptationCanceled`` (not raised).

        Raises ``ValueError`` when a request has no examples or more than 16.
        """
        total = self.default_steps if steps is None else steps
        shown = [fit(r.preview.convert("RGB"), PREVIEW_SIDE) if r.preview else None for r in requests]
        tasks, starts = [], []
        for r, photo in zip(requests, shown, strict=True):
            tasks.append(self.adaptation(r.examples, contents=r.contents, seed=r.seed))
            starts.append(tasks[-1].start())
            if r.on_progress is not None and photo is not None:
                r.on_progress(Progress(0, total, {}, self.renderer.render(photo, starts[-1])))

        def visit(task: int, step: int, phi: dict[str, Tensor], judged: Judgement) -> None:
            tell, photo = requests[task].on_progress, shown[task]
            if tell is None:
                return
            due = step > 0 and (step % max(1, preview_every) == 0 or step == total)
            picture = self.renderer.render(photo, phi) if due and photo is not None else None
            tell(Progress(step, total, judged.as_dict(), picture))

        def should_stop(task: int) -> bool:
            asked = requests[task].should_stop
            return asked is not None and asked()

        outcomes = adapt_together(
            tasks, self.rates, steps=total, starts=starts, on_step=visit, should_stop=should_stop
        )
        styles: list[Style | AdaptationCanceled] = []
        for request, adapted in zip(requests, outcomes, strict=True):
            if isinstance(adapted, AdaptationCanceled):
                styles.append(adapted)
                continue
            header = StyleHeader(
                base_hash=self.base_hash,
                k=len(request.examples),
                steps=adapted.step,
                seed=request.seed,
                losses={"start": adapted.start.as_dict(), "end": adapted.end.as_dict()},
                licence=str(self.base.header["card"].get("licence", "")),
            )
            styles.append(Style({name: value.float().cpu() for name, value in adapted.phi.items()}, header))
        return styles

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
        stroke_size: float | None = None,
        preserve_color: bool = False,
        mask: Image.Image | None = None,
        outside: Style | None = None,
        feather: float = 0.0,
        should_stop: Callable[[], bool] | None = None,
    ) -> Image.Image:
        """Render a photo in a style, or in a ``blend`` of styles.

        Args:
            strength: 0 (the photo's own style) to 1 (the style), above 1 exaggerates.
            size: longer side of the result in pixels; never upscales; default the photo's own, at
                most ``Renderer.max_side``.
            stroke_size: how large strokes are, 1 being the network's own; above 1 the photo is rendered
                smaller, and enlarged with its own detail (``model.strokes``). None: as at 640 pixels.
            preserve_color: keep the photo's colours and take the brushwork only (``model.colors``).
            mask: grey picture, stretched to the photo: white takes ``style``, black ``outside``. Both are
                rendered whole and then mixed: instance normalisation is a statistic of the whole picture,
                so phi cannot change from place to place without changing both sides.
            outside: the style where the mask is black; None leaves the photo as it is there.
            feather: standard deviation of the mask's soft edge, in pixels of the result.
            should_stop: asked between the strips of a photo of more than ``Renderer.whole_pixels``
                (``model.strips``); True raises ``RenderingCanceled``.

        Raises ``StyleFormatError`` when a style does not fit the network, ``RenderingCanceled``.
        """
        rendering = Rendering(
            photo, style, strength, size, stroke_size, preserve_color, mask, outside, feather, should_stop
        )
        return self.stylize_many([rendering])[0]

    def stylize_many(self, renderings: Sequence[Rendering]) -> list[Image.Image]:
        """``stylize`` for many at once: photos of one size share a forward pass, whatever their styles.

        A pass takes at most ``Renderer.batch_pixels`` (one photo at least). The pictures are those of
        ``stylize`` but for rounding: a level of 256 here and there.

        Raises ``StyleFormatError`` when a style does not fit the network, ``RenderingCanceled``.
        """
        return self.renderer.stylize_many(renderings)

    def together(self, renderings: Sequence[Rendering], most: int) -> list[list[int]]:
        """Which of them go through one forward pass, by position: of one size, and at most ``most``."""
        return self.renderer.together(renderings, most)

    def stylize_frames(
        self,
        frames: Iterable[Image.Image],
        style: Style,
        *,
        strength: float = 1.0,
        size: int | None = None,
        preserve_color: bool = False,
        smoothing: Smoothing | None = None,
    ) -> Iterator[Image.Image]:
        """Render the frames of a clip in order, each as it comes: what stands still does not flicker.

        Args:
            frames: of one size; the result has the longer side at ``size``, at most
                ``Renderer.max_frame_side``.
            smoothing: what a frame owes to those before it (``model.frames``); ``Smoothing(0, 0)`` is
                frame by frame.

        Raises ``StyleFormatError`` when the style does not fit the network, ``ValueError`` for a frame of
        another size than the first.
        """
        return self.renderer.stylize_frames(
            frames,
            style,
            strength=strength,
            size=size,
            preserve_color=preserve_color,
            smoothing=smoothing or Smoothing(),
        )
