"""Learns styles from examples and draws photos in them: the facade that worker and command line call."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from model.device import (
    keep_freed_memory,
    prefers_bf16,
    resolve_device,
    use_available_processors,
)
from model.errors import AdaptationCanceled, CheckpointMissingError
from model.formats import StyleHeader, Surface
from model.image.adaptation.config import AdaptConfig
from model.image.adaptation.inner_learning_rates import level_rates
from model.image.adaptation.loop import adapt_batch
from model.image.adaptation.support import Adaptation, Photos, square
from model.image.checkpoint import Base, load_base, phi_shapes
from model.image.dials import DEFAULT_ABSTRACTION, Dials
from model.image.engine_types import Rendering
from model.image.losses.objective import Objective
from model.image.losses.perceptual_network import PerceptualNetwork
from model.image.media.folders import pictures
from model.image.network.style_params import Phi, at_level, stack
from model.image.pyramid import SIDES, resized
from model.image.rendering.renderer import Drawing, Renderer
from model.image.rendering.selection import select_renderer
from model.image.rendering.size_batches import fitting
from model.image.rendering.video import Smoothing
from model.image.style import Style, blend_styles
from model.modality import Learning, Progress

PREVIEW_SIDE = 256
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
        self.base_hash = base.hash
        self.default_steps = self.config.steps
        self.objective = Objective(PerceptualNetwork().to(device), amp=prefers_bf16(device))
        self.shapes = phi_shapes(base.networks)
        self.renderer = Renderer(
            base.networks,
            select_renderer(renderer, base.networks.stylizer, device),
            self.shapes,
            device=device,
            amp=self.objective.amp,
        )
        self.rates = [r.to(device) for r in level_rates(self.shapes, base.rates, self.config.rate)]
        found = pictures(BANK)
        if not found:
            raise CheckpointMissingError(f"no photos in {BANK}: the installation is incomplete")
        bank = [Image.open(path).convert("RGB") for path in found]
        held_out = self.config.held_out
        self.held_out = Photos([square(p, random.Random(1), 0.999) for p in bank[:held_out]], device)
        self.bank = bank[held_out:]
        self._cut: dict[int, Photos] = {}  # the bundled photos as a seed cuts them; the latest two seeds

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

        ``renderer``: what renders photos, see ``model.image.rendering.selection``.

        Raises ``CheckpointMissingError``, ``CheckpointFormatError``, ``DeviceUnavailableError`` or
        ``RendererUnavailableError``.
        """
        keep_freed_memory()
        use_available_processors()
        where = resolve_device(device)
        return cls(load_base(checkpoint, where), where, config, renderer=renderer)

    def read_example(self, data: bytes) -> Image.Image:
        """An example from its stored file, which the decoder process has made upright and sRGB."""
        with Image.open(BytesIO(data)) as picture:
            picture.load()
            return picture.copy()

    def read_style(self, data: bytes) -> Style:
        """A style file. Raises ``StyleFormatError``, ``StyleBaseMismatchError``."""
        return Style.from_bytes(data, base_hash=self.base_hash)

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
        return Adaptation(
            self.base.networks,
            self.objective,
            [example.convert("RGB") for example in examples],
            self._photos(contents, seed),
            self.held_out,
            config=self.config,
            critics=self.base.critics,
            seed=seed,
        )

    def _photos(self, contents: Sequence[Image.Image], seed: int) -> Photos:
        """What steps draw on: the bundled photos, or those given and some of the bundled ones by turns."""
        rng = random.Random(seed)
        if contents:
            own = [photo.convert("RGB") for photo in contents]
            mixed = [photo for pair in zip(own, self.bank, strict=False) for photo in pair]
            count = self.config.bank
            return Photos([square(mixed[i % len(mixed)], rng, 0.6) for i in range(count)], self.device)
        if seed not in self._cut:
            chosen = rng.sample(self.bank, min(self.config.bank, len(self.bank)))
            self._cut[seed] = Photos([square(photo, rng, 0.6) for photo in chosen], self.device)
            while len(self._cut) > 2:
                del self._cut[next(iter(self._cut))]
        return self._cut[seed]

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
            preview: photo that is rendered every ``preview_every`` steps, at 256 pixels; first in the
                zero-step style, level by level as each is known, before any loss is computed.
            on_progress: called with the first previews, at step 0 and after every step, from this thread.
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
        shown = [_preview(r.preview) for r in requests]
        tasks = []
        for r, photo in zip(requests, shown, strict=True):
            task = self.adaptation(r.examples, contents=r.contents, seed=r.seed)
            tasks.append(task)
            known: list[Phi] = []
            for level in range(len(SIDES)):
                known.append(task.start(level))
                tell = r.on_progress
                if tell is not None and photo is not None and max(photo.size) > SIDES[level] // 2:
                    tell(Progress(0, total, {}, self._drawn(photo, known, task.surface)))

        def visit(task: int, step: int, phi: dict[str, Tensor], loss: float) -> None:
            tell, photo = requests[task].on_progress, shown[task]
            if tell is None:
                return
            due = step > 0 and (step % max(1, preview_every) == 0 or step == total)
            levels = [at_level(phi, level) for level in range(len(SIDES))]
            picture = None
            if due and photo is not None:
                picture = self._drawn(photo, levels, tasks[task].surface)
            tell(Progress(step, total, {"total": round(loss, 4)}, picture))

        def should_stop(task: int) -> bool:
            asked = requests[task].should_stop
            return asked is not None and asked()

        outcomes = adapt_batch(tasks, self.rates, steps=total, on_step=visit, should_stop=should_stop)
        styles: list[Style | AdaptationCanceled] = []
        for request, task, adapted in zip(requests, tasks, outcomes, strict=True):
            if isinstance(adapted, AdaptationCanceled):
                styles.append(adapted)
                continue
            header = StyleHeader(
                base_hash=self.base_hash,
                k=len(request.examples),
                steps=adapted.steps,
                seed=request.seed,
                losses={"start": {"total": 1.0}, "end": {"total": round(adapted.total, 4)}},
                licence=str(self.base.header["card"].get("licence", "")),
                surface=task.surface,
            )
            styles.append(Style({name: value.float().cpu() for name, value in adapted.phi.items()}, header))
        return styles

    def _drawn(self, photo: Image.Image, levels: Sequence[Phi], surface: Surface) -> Image.Image:
        """A preview by the levels that are known, coarse to fine."""
        side = min(max(photo.size), SIDES[len(levels) - 1])
        small = resized(photo, fitting(photo.size, side, side))
        # the levels that are missing are finer than the picture, and are not asked for
        missing = len(SIDES) - len(levels)
        phi = stack([*levels, *[levels[-1]] * missing])
        return self.renderer.draw_many([Drawing.of(small, phi, Dials(), surface)])[0]

    def blend(self, parts: Sequence[tuple[Style, float]]) -> Style:
        """A style between several, by weight: ``model.image.style.blend_styles``."""
        return blend_styles(parts)

    def stylize(
        self,
        photo: Image.Image,
        style: Style,
        *,
        strength: float = 1.0,
        abstraction: float = DEFAULT_ABSTRACTION,
        stroke_size: float = 1.0,
        size: int | None = None,
        preserve_color: bool = False,
        mask: Image.Image | None = None,
        outside: Style | None = None,
        feather: float = 0.0,
    ) -> Image.Image:
        """Render a photo in a style, or in a ``blend`` of styles.

        Args:
            strength, abstraction, stroke_size: see ``model.image.dials``.
            size: longer side of the result in pixels; never upscales; default the photo's own, at
                most ``Renderer.max_side``. It is drawn on up to 512 pixels, and enlarged with its own detail.
            preserve_color: keep the photo's colours and take the brushwork only
                (``model.image.rendering.preserve_color``).
            mask: grey picture, stretched to the photo: white takes ``style``, black ``outside``. Both are
                rendered whole and then mixed: instance normalisation is a statistic of the whole picture,
                so phi cannot change from place to place without changing both sides.
            outside: the style where the mask is black; None leaves the photo as it is there.
            feather: standard deviation of the mask's soft edge, in pixels of the result.

        Raises ``StyleFormatError`` when a style does not fit the network.
        """
        dials = Dials(strength, abstraction, stroke_size)
        rendering = Rendering(photo, style, dials, size, preserve_color, mask, outside, feather)
        return self.stylize_many([rendering])[0]

    def stylize_many(self, renderings: Sequence[Rendering]) -> list[Image.Image]:
        """``stylize`` for many at once: photos of one size share a forward pass, whatever their styles.

        A pass takes at most ``Renderer.batch_pixels`` (one photo at least). The pictures are those of
        ``stylize`` but for rounding: a level of 256 here and there.

        Raises ``StyleFormatError`` when a style does not fit the network.
        """
        return self.renderer.stylize_many(renderings)

    def batches(self, renderings: Sequence[Rendering], most: int) -> list[list[int]]:
        """Which of them go through one forward pass, by position: of one size, and at most ``most``."""
        return self.renderer.batches(renderings, most)

    def stylize_frames(
        self,
        frames: Iterable[Image.Image],
        style: Style,
        *,
        dials: Dials | None = None,
        size: int | None = None,
        preserve_color: bool = False,
        smoothing: Smoothing | None = None,
    ) -> Iterator[Image.Image]:
        """Render the frames of a clip in order, each as it comes: what stands still does not flicker.

        Args:
            frames: of one size; the result has the longer side at ``size``, at most
                ``Renderer.max_frame_side``.
            dials: how each of them is drawn.
            smoothing: what a frame owes to those before it (``model.image.rendering.video``);
                ``Smoothing(0, 0)`` is frame by frame.

        Raises ``StyleFormatError`` when the style does not fit the network, ``ValueError`` for a frame of
        another size than the first.
        """
        return self.renderer.stylize_frames(
            frames,
            style,
            dials=dials or Dials(),
            size=size,
            preserve_color=preserve_color,
            smoothing=smoothing or Smoothing(),
        )


def _preview(photo: Image.Image | None) -> Image.Image | None:
    """The photo at the size of previews."""
    if photo is None:
        return None
    return resized(photo.convert("RGB"), fitting(photo.size, PREVIEW_SIDE, PREVIEW_SIDE))
