"""SNAC checkpoints: two layouts of the same tensors, turned into the form that the decoder uses."""

from __future__ import annotations

import re

from mlxtts.errors import ModelError
from mlxtts.nn import mx


def sanitize(weights: dict[str, mx.array]) -> dict[str, mx.array]:
    """PyTorch's layout (weight (out, in, taps), or with weight norm unfolded) or MLX's (`.layers.`
    in the names, weight (out, taps, in)) to that of `codecs.snac.decoder`. The encoder and the
    quantiser's way in are left out: decoding needs neither."""
    mlx_layout = any(".layers." in name for name in weights)
    decoding = {
        name.replace(".layers.", "."): weight
        for name, weight in weights.items()
        if name.startswith("decoder.") or re.search(r"\.(codebook|out_proj)\.", name)
    }
    folded = _fold_weight_norm(decoding)
    if mlx_layout:
        folded = {name: _to_torch(name, weight) for name, weight in folded.items()}
    return {name: _to_product(name, weight) for name, weight in folded.items()}


def _fold_weight_norm(weights: dict[str, mx.array]) -> dict[str, mx.array]:
    """weight = g * v / |v|, with the norm over all axes but the first."""
    folded = {}
    for name, weight in weights.items():
        stem, _, leaf = name.rpartition(".weight_")
        if not stem:
            stem, _, leaf = name.rpartition(".parametrizations.weight.original")
        if not stem:
            folded[name] = weight
        elif leaf in ("v", "1"):
            gain = weights.get(f"{stem}.weight_g")
            if gain is None:
                gain = weights.get(f"{stem}.parametrizations.weight.original0")
            if gain is None:
                raise ModelError(f"no tensor {stem}.weight_g")
            v = weight.astype(mx.float32)
            norm = mx.sqrt(mx.sum(v * v, axis=(1, 2), keepdims=True))
            folded[f"{stem}.weight"] = gain.astype(mx.float32) * v / norm
    return folded


def _to_torch(name: str, weight: mx.array) -> mx.array:
    return weight.transpose(0, 2, 1) if name.endswith(".weight") and weight.ndim == 3 else weight


def _to_product(name: str, weight: mx.array) -> mx.array:
    if name.endswith(".alpha"):
        return weight.reshape(-1)
    if weight.ndim != 3:
        return weight
    out, into, taps = weight.shape
    if re.fullmatch(r"decoder\.model\.\d+\.block\.1\.weight", name):  # transposed: (in, out, taps)
        return weight.transpose(0, 2, 1).reshape(out, taps * into)
    if taps == 1:
        return weight[:, :, 0].T
    if out == 1:
        return mx.contiguous(weight[0])  # a kernel of ours would copy it each time
    if into == 1:
        return mx.contiguous(weight[:, 0].T)
    raise ModelError(f"tensor {name}: a {weight.shape} convolution where SNAC has none")
