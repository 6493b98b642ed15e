"""More low-rank directions for trained networks, as a start for more training."""

from __future__ import annotations

from dataclasses import replace

import torch

from model.networks import Networks


@torch.no_grad()
def widened(networks: Networks, rank: int) -> Networks:
    """The same function with branches of a larger rank: what is new contributes nothing yet.

    New directions enter at random (as LoRA's A does) and leave with zeros (as its B does), and their gates
    are open for every style.

    Raises:
        ValueError: a smaller rank than the networks have.
    """
    shape = networks.stylizer.config
    if rank < shape.rank:
        raise ValueError(f"the networks have rank {shape.rank}: it can grow, not fall to {rank}")
    wide = Networks(replace(shape, rank=rank), networks.encoder.config).to(networks.encoder.center.device)
    old, new = networks.encoder, wide.encoder
    state = networks.state_dict()
    blocks, before = shape.blocks, sum(2 * channels for channels in old.layers.values())
    rows = [*range(before)]  # of the head: gammas and betas, a gate a block and direction, colours
    rows += [before + block * rank + i for block in range(blocks) for i in range(shape.rank)]
    rows += [before + blocks * rank + i for i in range(state["encoder.head.2.bias"].shape[0] - len(rows))]
    for name in ("encoder.head.2.weight", "encoder.head.2.bias"):
        grown = torch.zeros_like(wide.state_dict()[name])
        grown[rows] = state[name]
        state[name] = grown
    state["encoder.down"] = torch.cat([old.down, new.down[:, shape.rank :]], 1)
    state["encoder.up"] = torch.cat([old.up, torch.zeros_like(new.up[..., shape.rank :])], 2)
    wide.load_state_dict(state)
    return wide
