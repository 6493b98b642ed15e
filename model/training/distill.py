"""Phase 0: copy a teacher's renders, the cheapest way to a working zero-step style.

Neither the loss nor the student's gradient needs the perceptual network: a step costs a third of a
perceptual one, and the teacher's many paintings come along (Hinton et al. 2015).
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from model.data.folders import load, to_tensor
from model.networks import Networks, Objective
from model.style_encoder import describe
from model.training.config import TrainingConfig

STYLE_SIZE = 192  # pixels a side of the style crop that the encoder sees


class TeacherPairs:
    """(photo crop, style description, teacher's render) from the files of ``scripts/teacher_targets.py``."""

    def __init__(self, config: TrainingConfig, objective: Objective, rng: random.Random) -> None:
        assert config.teacher is not None
        self.root, self.config, self.objective, self.rng = config.teacher, config, objective, rng
        lines = (self.root / "pairs.jsonl").read_text().splitlines()
        self.rows = [json.loads(line) for line in lines]
        self.descriptions: dict[int, Tensor] = {}  # of each pair's style, computed when first drawn
        self.rendered: dict[int, Image.Image] = {}

    def batch(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 3, S, S) photos, (B, D) descriptions, (B, 3, S, S) targets: the same random crop of both."""
        chosen = self.rng.sample(range(len(self.rows)), count)
        missing = [i for i in chosen if i not in self.descriptions]
        if missing:
            works = to_tensor([self._style(i) for i in missing]).to(self.objective.device)
            for i, row in zip(missing, describe(self.objective.style_statistics(works)), strict=True):
                self.descriptions[i] = row
        photos, targets, size = [], [], self.config.size
        for i in chosen:
            row, target = self.rows[i], self._target(i)
            photo = load(self.config.contents / row["photo"])
            left, top, right, _ = row["photo_box"]
            scale = (right - left) / target.width  # photo pixels per teacher pixel
            x, y = (self.rng.randint(0, target.width - size) for _ in range(2))
            box = (left + x * scale, top + y * scale, left + (x + size) * scale, top + (y + size) * scale)
            photos.append(photo.resize((size, size), Image.Resampling.LANCZOS, box))
            targets.append(target.crop((x, y, x + size, y + size)))
        device = self.objective.device
        descriptions = torch.stack([self.descriptions[i] for i in chosen])
        return to_tensor(photos).to(device), descriptions, to_tensor(targets).to(device)

    def _target(self, index: int) -> Image.Image:
        if index not in self.rendered:
            self.rendered[index] = Image.open(self.root / f"{index:05d}.jpg").convert("RGB")
        return self.rendered[index]

    def _style(self, index: int) -> Image.Image:
        row = self.rows[index]
        work = load(_existing(self.config.styles / row["style"]))
        return work.resize((STYLE_SIZE, STYLE_SIZE), Image.Resampling.LANCZOS, row["style_box"])


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: the teacher's targets were made from other style folders")
    return path


def distill_loss(
    networks: Networks, objective: Objective, batch: tuple[Tensor, Tensor, Tensor]
) -> dict[str, Tensor]:
    """Pixel and gradient L1 to the teacher's renders; ``total`` is what to minimise."""
    photos, descriptions, targets = batch
    encoder = networks.encoder
    with objective.autocast():
        embedding = encoder.embed(((descriptions - encoder.center) / encoder.scale).clamp(-6, 6))
        renders = networks(photos, encoder.decode(embedding))
    pixel = F.l1_loss(renders, targets)
    edges = F.l1_loss(renders.diff(dim=2), targets.diff(dim=2)) + F.l1_loss(
        renders.diff(dim=3), targets.diff(dim=3)
    )
    return {"pixel": pixel, "edges": edges, "total": pixel + 2 * edges}
