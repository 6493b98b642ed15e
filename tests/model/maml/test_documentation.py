"""The example of docs/learner.md, as printed there, on text: nothing in the learner assumes pictures."""

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from model.maml.examples.authors import AUTHORS

PAGE = Path(__file__).parents[3] / "docs" / "learner.md"
UNSEEN = ("virgil", "camoes")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def example() -> str:
    blocks: list[str] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (block,) = (code for code in blocks if "LETTERS" in code)
    return block


@pytest.mark.parametrize("author", UNSEEN)
def test_the_language_model_adapts_to_an_unseen_author(author: str) -> None:
    torch.manual_seed(0)
    random.seed(0)
    known = [text for name, text in AUTHORS.items() if name not in UNSEEN]
    scope: dict[str, Any] = {"KNOWN_AUTHORS": known, "UNSEEN_AUTHOR": AUTHORS[author]}
    exec(compile(example(), str(PAGE), "exec"), scope)
    assert len(scope["result"].scores) == 6
    assert scope["after"] < scope["before"] - 0.3

    net, loss = scope["net"], scope["loss"]
    x, y = scope["unseen"].query
    share = torch.bincount(scope["unseen"].support[1], minlength=27).float() + 1
    letters_alone = torch.nn.functional.cross_entropy((share / share.sum()).log().expand(len(y), 27), y)
    assert scope["after"] < letters_alone - 0.1, "more was learned of the author than how often letters come"

    for module in net.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    untrained = scope["learner"].adapt(scope["unseen"]).params
    assert scope["after"] < loss(untrained, (x, y)) - 0.1, "the start matters, not the inner loop alone"
