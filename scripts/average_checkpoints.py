#!/usr/bin/env python3
"""Average the weights of two base checkpoints of one run (Wortsman et al. 2022, "model soups").

What meta-training gives up of the zero-step style, and what it gains for unseen works, can be dialled like
this without training again: the network between two checkpoints of one run is a good one, too.

    python scripts/average_checkpoints.py runs/base/after-3-pretrain-256.safetensors \\
        runs/base/base.safetensors -o base.safetensors --share 0.5

The inner rates are those of the second, and so is the card, which says what was averaged.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from model.image.checkpoint import load_base, save_base


def average(first: Path, second: Path, out: Path, share: float = 0.5) -> None:
    """Write ``(1 - share)`` of the first checkpoint's weights and ``share`` of the second's.

    Raises ``ValueError`` when their networks have other shapes.
    """
    a, b = load_base(first), load_base(second)
    if a.header["stylizer"] != b.header["stylizer"] or a.header["encoder"] != b.header["encoder"]:
        raise ValueError(f"{first} and {second} hold networks of other shapes")
    begin, end = a.networks.state_dict(), b.networks.state_dict()
    b.networks.load_state_dict({name: begin[name].lerp(end[name], share) for name in begin})
    card = b.header["card"] | {"averaged": {"with": a.hash, "share_of_this": share}}
    save_base(out, b.networks, b.rates, card)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--share", type=float, default=0.5, help="of the second's weights")
    args = parser.parse_args()
    average(args.first, args.second, args.out, args.share)
    print(f"{args.out}: {args.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
