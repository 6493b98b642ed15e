"""The network on tokens of songs: where in the bar, on which staff and in which meter each is, is told."""

from __future__ import annotations

from torch import Tensor, nn

from model.music.vocabulary import VOCABULARY
from model.sequence.network import NetworkConfig, SequenceNetwork


class Network(SequenceNetwork):
    """Tokens with place in the bar, staff and meter -> logits of the next token."""

    def __init__(self, config: NetworkConfig | None = None) -> None:
        super().__init__(config or NetworkConfig())
        v, width = VOCABULARY, self.config.width
        self.tokens = nn.Embedding(v.size, width)
        self.places = nn.Embedding(len(v.positions), width)
        self.staves = nn.Embedding(4, width)
        self.meters = nn.Embedding(len(v.meters) + 1, width)
        self.make_blocks()

    def embed(self, inputs: Tensor) -> Tensor:
        """(S, T, 4) int: token, place in the bar (index), staff (0: none yet), meter (0: not told)."""
        tokens, places, staves, meters = inputs.unbind(-1)
        embedded: Tensor = (
            self.tokens(tokens) + self.places(places) + self.staves(staves) + self.meters(meters)
        )
        return embedded
