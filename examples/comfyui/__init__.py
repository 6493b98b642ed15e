"""Nodes of ComfyUI: learn a style from a batch of pictures, and put pictures into it.

Copy this folder to ``custom_nodes/fewstroke``. Pictures of ComfyUI are float tensors (B, H, W, 3) of 0 to 1.
"""

from io import BytesIO
from typing import Any

import numpy as np
import torch
from PIL import Image

from fewstroke_client import Client


def _files(images: torch.Tensor) -> list[bytes]:
    """PNG files of a batch (B, H, W, 3)."""
    files = []
    for image in images.cpu().numpy():
        buffer = BytesIO()
        Image.fromarray((image.clip(0, 1) * 255).round().astype(np.uint8)).save(buffer, "PNG")
        files.append(buffer.getvalue())
    return files


class LearnStyle:
    """Examples to a style; what comes out is its id, which can also be typed in."""

    CATEGORY = "fewstroke"
    FUNCTION = "learn"
    RETURN_TYPES = ("STRING",)
    RETURN_NAMES = ("style_id",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 - ComfyUI's name
        """The node's sockets and widgets."""
        return {
            "required": {
                "examples": ("IMAGE",),
                "name": ("STRING", {"default": "mine"}),
                "steps": ("INT", {"default": 24, "min": 0, "max": 100}),
            }
        }

    def learn(self, examples: torch.Tensor, name: str, steps: int) -> tuple[str]:
        """Learn from a batch of 1 to 16 pictures. Raises ApiError, JobFailedError."""
        with Client() as client:
            return (client.learn_style(_files(examples), name=name, steps=steps).id,)


class ApplyStyle:
    """Pictures and a style to pictures of the same size."""

    CATEGORY = "fewstroke"
    FUNCTION = "apply"
    RETURN_TYPES = ("IMAGE",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 - ComfyUI's name
        """The node's sockets and widgets."""
        dial = {"min": 0.0, "step": 0.05}
        return {
            "required": {
                "images": ("IMAGE",),
                "style_id": ("STRING", {"forceInput": True}),
                "strength": ("FLOAT", {"default": 1.0, "max": 1.5, **dial}),
                "abstraction": ("FLOAT", {"default": 0.3, "max": 1.0, **dial}),
            }
        }

    def apply(
        self, images: torch.Tensor, style_id: str, strength: float, abstraction: float
    ) -> tuple[torch.Tensor]:
        """Render a batch (B, H, W, 3). Raises ApiError, JobFailedError."""
        drawn = []
        with Client() as client:
            for file in _files(images):
                made = client.stylize_photo(
                    file,
                    style=style_id,
                    strength=strength,
                    abstraction=abstraction,
                    size=max(images.shape[1:3]),
                )
                picture = Image.open(BytesIO(made.data)).convert("RGB").resize(images.shape[2:0:-1])
                drawn.append(np.asarray(picture, np.float32) / 255)
        return (torch.from_numpy(np.stack(drawn)),)


NODE_CLASS_MAPPINGS = {"FewstrokeLearnStyle": LearnStyle, "FewstrokeApplyStyle": ApplyStyle}
NODE_DISPLAY_NAME_MAPPINGS = {
    "FewstrokeLearnStyle": "Learn style",
    "FewstrokeApplyStyle": "Apply style",
}
