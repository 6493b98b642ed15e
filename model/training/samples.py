"""A contact sheet of the validation split during training: style | photo | render, a row a style."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import torch
from PIL import Image

from model.data.folders import StyleFolder, load, random_crop, scan_photos, to_image, to_tensor

if TYPE_CHECKING:
    from model.training.run import Run

ROWS, PHOTOS, SIDE = 8, 3, 192


@torch.no_grad()
def draw_samples(run: Run) -> None:
    """Write ``samples-<step>.jpg``: the same validation styles and photos each time; nothing without them."""
    rng = random.Random(1)
    styles = StyleFolder.scan(run.config.styles, split="validation").groups
    photos = scan_photos(run.config.contents, split="validation")
    if not styles or not photos:
        return  # too little data for a validation split
    names = rng.sample(sorted(styles), min(ROWS, len(styles)))
    works = [random_crop(load(styles[n][0]), SIDE, rng, low=0.95) for n in names]
    shown = [random_crop(load(p), SIDE, rng, low=0.95) for p in rng.sample(photos, min(PHOTOS, len(photos)))]
    networks, device = run.averaged(), run.device
    statistics = run.objective.style_statistics(to_tensor(works).to(device))
    batch = to_tensor(shown).to(device)
    rows = []
    for i, work in enumerate(works):
        with run.objective.autocast():
            phi = networks.encoder(statistics[i : i + 1])
            renders = networks(batch, {k: v.expand(len(shown), *v.shape[1:]) for k, v in phi.items()})
        rows.append([work, *(to_image(render) for render in renders)])
    sheet = Image.new("RGB", (SIDE * (len(shown) + 1), SIDE * (len(rows) + 1)), "white")
    for x, photo in enumerate(shown):
        sheet.paste(photo, ((x + 1) * SIDE, 0))
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            sheet.paste(image, (x * SIDE, (y + 1) * SIDE))
    sheet.save(run.config.out / f"samples-{run.progress.step:06d}.jpg", quality=90)
