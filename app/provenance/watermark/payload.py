"""The 64 bits that a watermark carries, and their code: eight first-order Reed-Muller codewords.

A byte becomes a row of a Hadamard matrix or its negative, 128 chips of 1 and -1. Decoding is one matrix
product: the row that fits the received values best, whatever errors they have.
"""

import hashlib
from binascii import crc_hqx
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCKS, LENGTH = 8, 128
CHIPS = BLOCKS * LENGTH

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Payload:
    """``service``: a number of 16 bits, or ``COMMAND_LINE``; ``result``: 32 bits, see ``result_code``."""

    service: int
    result: int


def result_code(data: bytes) -> int:
    """32 bits that stand for a result: of its pixels, so that the same picture gets the same watermark."""
    return int.from_bytes(hashlib.sha256(data).digest()[:4])


def encode(payload: Payload) -> Floats:
    """The chips, shape (CHIPS,): those of block b at b, b + BLOCKS, ..."""
    said = payload.service.to_bytes(2) + payload.result.to_bytes(4)
    data = said + crc_hqx(said, 0xFFFF).to_bytes(2)
    columns = [_ROWS[byte & 127] * (1 - 2 * (byte >> 7)) for byte in data]
    return np.stack(columns, axis=1).reshape(-1)


def decode(values: Floats) -> tuple[Payload | None, float]:
    """What is nearest to received values, shape (CHIPS,), and how near: about 8 for noise of variance 1/2,
    and what is left of 45 for a watermark. None: the checksum does not fit."""
    fits = _ROWS @ values.reshape(LENGTH, BLOCKS)
    rows = np.abs(fits).argmax(axis=0)
    best = fits[rows, np.arange(BLOCKS)]
    data = bytes(int(row) | (0 if fit > 0 else 128) for row, fit in zip(rows, best, strict=True))
    score = float(np.abs(best).sum()) / (CHIPS / 2) ** 0.5
    if crc_hqx(data[:6], 0xFFFF) != int.from_bytes(data[6:]):
        return None, score
    return Payload(int.from_bytes(data[:2]), int.from_bytes(data[2:6])), score


def _hadamard(size: int) -> Floats:
    rows = np.ones((1, 1), np.float32)
    while len(rows) < size:
        rows = np.block([[rows, rows], [rows, -rows]])
    return rows


_ROWS = _hadamard(LENGTH)
