"""The network on characters of poems: where in the form the next one stands is told."""

from __future__ import annotations

from torch import Tensor, nn

from model.maml import Params
from model.sequence.network import Cache, NetworkConfig, SequenceNetwork
from model.text.poems.encoding import FAR
from model.text.poems.poem import LONGEST_LINE
from model.text.poems.prior import Bigrams
from model.text.poems.works import KINDS


class PoemNetwork(SequenceNetwork):
    """Characters with the place of the next one -> its logits.

    Args:
        config: its shape.
        characters: size of the alphabet; the kinds of poem are tokens behind it.

    Attributes:
        bigrams: what the logits are added to; set once the training poems are known.
    """

    def __init__(self, config: NetworkConfig, characters: int) -> None:
        super().__init__(config)
        width = config.width
        self.tokens = nn.Embedding(characters + len(KINDS), width)
        self.places = nn.Embedding(LONGEST_LINE + 1, width)
        self.left = nn.Embedding(LONGEST_LINE + 1, width)
        self.lines = nn.Embedding(FAR + 1, width)
        self.marks = nn.Embedding(3, width)
        self.bigrams: Bigrams | None = None
        self.make_blocks()

    def forward(self, inputs: Tensor, phi: Params, cache: Cache | None = None) -> Tensor:
        """Logits, what the network says beside ``bigrams``; see ``SequenceNetwork``."""
        logits = super().forward(inputs, phi, cache)
        return logits if self.bigrams is None else logits + self.bigrams.after(inputs)

    def embed(self, inputs: Tensor) -> Tensor:
        """(S, T, 5) int: token; place, characters left, lines left and mark of the next (0: not told)."""
        tokens, places, left, lines, marks = inputs.unbind(-1)
        embedded: Tensor = (
            self.tokens(tokens)
            + self.places(places)
            + self.left(left)
            + self.lines(lines)
            + self.marks(marks)
        )
        return embedded
