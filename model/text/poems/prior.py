"""What usually follows a character: a bigram model of the training poems, to which the network adds.

Interpolated with absolute discounting (Ney et al. 1994), the frequency of a character being in how many
different neighbourhoods it stands (Kneser and Ney 1995). The network learns what is left to say, which
takes a fraction of the time that learning the pairs by gradients does; the pairs need no weights, as the
training poems are in the checkpoint anyway.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

DISCOUNT = 0.75
LINE = 0xFFFF  # in joined poems: the end of a line
UNKNOWN = 0xFFFE  # in joined poems: a character that the alphabet lacks
LINE_START = 0  # the row of what begins a line


class Bigrams:
    """Logarithms of p(character | the one before it in its line).

    Args:
        lines: as ``model.text.poems.checkpoint.joined`` gives them.
        tokens: of the network; what is no character (0 or from ``characters`` on) gets ``NEVER``.
        characters: size of the alphabet.
    """

    NEVER = -20.0

    def __init__(self, lines: NDArray[np.uint16], tokens: int, characters: int) -> None:
        flat = np.where(lines == UNKNOWN, 0, lines).astype(np.int64)
        before = np.concatenate([[LINE], flat[:-1]])
        before = np.where((before == LINE) | (before == 0), LINE_START, before)
        counted = (flat != LINE) & (flat != 0)
        pairs, counts = np.unique(before[counted] * characters + flat[counted], return_counts=True)
        rows, columns = pairs // characters, pairs % characters
        total = np.bincount(rows, counts, characters)
        kinds = np.bincount(rows, minlength=characters).astype(float)
        neighbourhoods = np.bincount(columns, minlength=characters).astype(float) + 0.5
        neighbourhoods[0] = 0.0
        usual = neighbourhoods / neighbourhoods.sum()
        rest = np.where(total > 0, DISCOUNT * kinds / np.maximum(total, 1), 1.0)
        table = (rest[:, None] * usual[None]).astype(np.float32)
        table[rows, columns] += (counts - DISCOUNT) / total[rows]
        logs = np.full((characters, tokens), self.NEVER, np.float32)
        logs[:, 1:characters] = np.log(table[:, 1:])
        self.logs = torch.from_numpy(logs).half()
        self._codes, self._counts = pairs, counts
        self._total, self._rest, self._usual = total, rest, usual
        self.characters = characters

    def after(self, inputs: Tensor) -> Tensor:
        """(S, T, 5) as the network reads -> (S, T, tokens)."""
        return self.logs[self._rows(inputs)].float()

    def without_itself(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """How much less likely each target is when its own occurrence is not counted: (S, T), at most 0.

        In training the poem is among those that were counted; this is what the network then has to expect of
        a poem that is not.
        """
        rows = self._rows(inputs).numpy()
        columns = targets.clamp(min=0).numpy()
        codes = rows * self.characters + columns
        at = np.minimum(np.searchsorted(self._codes, codes), len(self._codes) - 1)
        count = np.where(self._codes[at] == codes, self._counts[at], 0)
        total = np.maximum(self._total[rows], 1.0)
        usual = self._usual[columns]
        whole = np.maximum(count - DISCOUNT, 0) / total + self._rest[rows] * usual
        less = np.maximum(total - 1, 1.0)
        left = (
            np.maximum(count - 1 - DISCOUNT, 0) / less
            + np.minimum(self._rest[rows] * total / less, 1) * usual
        )
        change = np.log(np.maximum(left, 1e-9)) - np.log(np.maximum(whole, 1e-9))
        change = np.where((targets.numpy() > 0) & (count > 0), np.minimum(change, 0.0), 0.0)
        return torch.from_numpy(change).float()

    @staticmethod
    def _rows(inputs: Tensor) -> Tensor:
        """The character before, or ``LINE_START`` where a line begins."""
        return torch.where(inputs[..., 1] > 1, inputs[..., 0], LINE_START)
