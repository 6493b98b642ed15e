"""A character model adapts to an author whom it has never read, from half a page: the learner on text.

    python -m model.maml.examples.characters

The tasks are openings of works in the public domain. A network of three letters of context is meta-trained
(MAML++) on all authors but two, and adapts to each of those in five steps. The table has nats a letter on the
author's other half page: less is better, and 3.3 is a blind guess among 27 letters.
"""

from __future__ import annotations

import random

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from model.maml import InnerConfig, ModuleStart, OuterConfig, OuterLoop, Task, make_algorithm, module_loss
from model.maml.examples.authors import AUTHORS

LETTERS = " abcdefghijklmnopqrstuvwxyz"
CONTEXT = 3  # letters
UNSEEN = ("virgil", "camoes")

Windows = tuple[Tensor, Tensor]  # (n, CONTEXT) letters, and (n,) the letter that follows


def windows(text: str) -> Windows:
    """Every run of letters with the one that follows."""
    ids = torch.tensor([LETTERS.index(letter) for letter in text]).unfold(0, CONTEXT + 1, 1)
    return ids[:, :-1], ids[:, -1]


def task(text: str, begin: int = 0) -> Task[Windows, Windows]:
    """One half of a text to adapt on, the other to be judged by."""
    turned, half = text[begin:] + " " + text[:begin], len(text) // 2
    return Task(support=windows(turned[:half]), query=windows(turned[half:]))


def adapt_to(author: str, *, steps: int = 150, seed: int = 0) -> list[float]:
    """Meta-train on all authors but those of UNSEEN, adapt to ``author``; nats a letter after each step."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    known = [text for name, text in AUTHORS.items() if name not in UNSEEN]
    letters = len(LETTERS)
    net = nn.Sequential(
        nn.Embedding(letters, 8), nn.Flatten(), nn.Linear(8 * CONTEXT, 64), nn.Tanh(), nn.Linear(64, letters)
    )
    loss = module_loss(net, cross_entropy)
    learner = make_algorithm("maml++", ModuleStart(net), loss, InnerConfig(steps=5, lr=1.0))
    outer = OuterLoop(learner, OuterConfig(steps=steps, lr=0.01))
    for _ in range(steps):
        outer.step(task(text, rng.randrange(len(text))) for text in rng.sample(known, 3))
    unseen = task(AUTHORS[author])
    result = learner.adapt(unseen, validate=lambda phi, _: loss(phi, unseen.query))
    return [float(score) for score in result.scores]


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)  # tensors this small only lose by more
    print(f"{'nats a letter after steps':28s}" + "".join(f"{step:8d}" for step in range(6)))
    for author in UNSEEN:
        print(f"{author:28s}" + "".join(f"{score:8.2f}" for score in adapt_to(author)), flush=True)


if __name__ == "__main__":
    main()
