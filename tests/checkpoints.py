"""Orpheus checkpoints of random weights, quantised as MLX-LM does it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mlxtts.nn import mx
from mlxtts.nn.loading import read_checkpoint, read_json
from mlxtts.nn.quantization import Packing, Quantization, gather, unpacked
from tests import weights
from tests.conftest import STARTER

Arrays = dict[str, mx.array]
Choice = Callable[[str], Packing | None]

CONFIG: dict[str, Any] = weights.ORPHEUS_SMALL | {
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_attention_heads": 8,
    "num_hidden_layers": 2,
}
"""Sizes that every group size divides."""


def tensors(tied: bool = True) -> Arrays:
    """A Llama as transformers saves it; if not tied, with a head unlike its embedding."""
    arrays = {name: mx.array(tensor) for name, tensor in weights.llama(CONFIG).items()}
    if not tied:
        head = weights.llama(CONFIG, seed=1)["model.embed_tokens.weight"]
        arrays["lm_head.weight"] = mx.array(head)
    return arrays


def quantise(arrays: Arrays, choose: Choice) -> tuple[Arrays, Arrays]:
    """The tensors as `choose` packs each layer, and plain ones that say the same."""
    packed, plain = dict(arrays), dict(arrays)
    for name, tensor in arrays.items():
        layer = name.removesuffix(".weight")
        packing = choose(layer) if tensor.ndim == 2 else None
        if packing is None:
            continue
        parts = mx.quantize(tensor, **packing.options)
        names = [f"{layer}.{leaf}" for leaf in ("weight", "scales", "biases")]
        packed |= dict(zip(names, parts, strict=False))
        integers = (mx.uint32, mx.uint8)
        wide = [p if p.dtype in integers else p.astype(mx.float32) for p in parts]
        plain[name] = mx.dequantize(*wide, **packing.options)
    return packed, plain


def write(
    folder: Path, arrays: Arrays, quantization: dict[str, Any] | None = None, **changes: object
) -> Path:
    """A model's folder without a codec."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(STARTER / "tokenizer.json", folder)
    said = {"quantization": quantization, "quantization_config": quantization}
    config = CONFIG | changes | (said if quantization else {})
    (folder / "config.json").write_text(json.dumps(config))
    mx.save_safetensors(str(folder / "model.safetensors"), arrays, {"format": "mlx"})
    return folder


def starter() -> Arrays:
    """The tensors of the starter, its matrices unpacked, in float32."""
    said = Quantization.parse(read_json(STARTER / "config.json"), "config.json")
    tensors = gather(read_checkpoint(STARTER), said)
    return {name: unpacked(tensor).astype(mx.float32) for name, tensor in tensors.items()}


def plain_starter(folder: Path) -> Path:
    """The starter's model as it was before it was quantised, nearly, in float16."""
    raw = read_json(STARTER / "config.json")
    halves = {name: tensor.astype(mx.float16) for name, tensor in starter().items()}
    return write(folder, halves, **{k: v for k, v in raw.items() if "quantization" not in k})


def shard(folder: Path, count: int) -> None:
    """Put the tensors of a folder into several files, without regard to what belongs together."""
    arrays = mx.load(str(folder / "model.safetensors"))
    names = sorted(arrays, key=lambda name: name[::-1])
    index = {}
    for n, part in enumerate(np.array_split(np.array(names), count), 1):
        file = f"model-{n:05}-of-{count:05}.safetensors"
        index |= {str(name): file for name in part}
        mx.save_safetensors(str(folder / file), {str(name): arrays[str(name)] for name in part})
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
