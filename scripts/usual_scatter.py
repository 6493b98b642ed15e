"""How far the works of one artist differ: what is assumed where one work alone is given.

For every layer of the losses the variance of five works' Gram matrices over the mean size of one of them
(squared Frobenius norms), averaged over artists of the training split::

    python -m scripts.usual_scatter --styles DIR

DIR holds a folder of pictures for each artist. What it prints is ``USUAL_SCATTER`` of
``model/image/losses/statistics.py``.
"""

import argparse
import random
from pathlib import Path

import torch

from model.image.losses.objective import Objective
from model.image.losses.perceptual_network import PerceptualNetwork
from model.image.losses.statistics import STYLE_LAYERS, concatenate, pool
from model.image.media.folders import StyleFolder, load, to_tensor

WORKS = 5
SIDE = 256  # short side in pixels, of the finest parts that adaptations look at


def scatter(objective: Objective, works: list[Path]) -> list[float]:
    """Of one artist: the works' variance in parts of one work's size, by layer."""
    found = concatenate([objective.style_statistics(to_tensor([load(path, SIDE)])) for path in works])
    together = pool(found)
    sizes = {layer: found.second[layer].square().sum((1, 2)).mean() for layer in STYLE_LAYERS}
    return [float(together.scatter[layer] / sizes[layer]) for layer in STYLE_LAYERS]


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--styles", type=Path, required=True, help="folder of artists' folders")
    parser.add_argument("--artists", type=int, default=100, help="at most so many (default 100)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of artists and works")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    groups = StyleFolder.scan(options.styles, split="train").at_least(WORKS).groups
    chosen = rng.sample(sorted(groups), min(options.artists, len(groups)))
    objective = Objective(PerceptualNetwork(), amp=False)
    rows = [scatter(objective, rng.sample(groups[name], WORKS)) for name in chosen]
    print(f"{len(rows)} artists, {WORKS} works each")
    for layer, value in zip(STYLE_LAYERS, torch.tensor(rows).mean(0).tolist(), strict=True):
        print(f'    "{layer}": {value:.2f},')


if __name__ == "__main__":
    main()
