"""Mimi checkpoints: transformers' tensors, or Moshi's, turned into the form that the codec uses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from mlxtts.codecs.mimi.config import Config
from mlxtts.errors import ModelError, subject
from mlxtts.nn import mx
from mlxtts.nn.loading import read_checkpoint, read_json, read_safetensors
from mlxtts.nn.quantization import float32
from mlxtts.nn.rope import deinterleave
from mlxtts.nn.transformer import fuse, turn
from mlxtts.nn.windowed import Shape, scaled

Weights = dict[str, mx.array]

MOSHI = "tokenizer-*.safetensors"  # beside the weights of Moshi itself, and without a config.json
MOSHI_NAMES = (
    (r"^(encoder|decoder)\.model\.", r"\1.layers."),
    (r"\b(?:conv|convtr)(?:\.(?:conv|convtr))+\.(weight|bias)$", r"conv.\1"),
    (r"_transformer\.transformer\.", r"_transformer."),
    (r"\.self_attn\.out_proj\.", r".self_attn.o_proj."),
    (r"\.linear([12])\.", r".mlp.fc\1."),
    (r"\.norm1\.", r".input_layernorm."),
    (r"\.norm2\.", r".post_attention_layernorm."),
    (r"\.layer_scale_1\.", r".self_attn_layer_scale."),
    (r"\.layer_scale_2\.", r".mlp_layer_scale."),
    (r"^quantizer\.rvq_first\.", r"quantizer.semantic_residual_vector_quantizer."),
    (r"^quantizer\.rvq_rest\.", r"quantizer.acoustic_residual_vector_quantizer."),
    (r"\.vq\.layers\.", r".layers."),
    (r"\._codebook\._?", r".codebook."),
    (r"\.codebook\.embedding_sum$", r".codebook.embed_sum"),
)
HALVES = {
    "decoder": re.compile(
        r"quantizer\.(?!.*\.input_proj\.).*|(upsample|decoder_transformer|decoder)\..*"
    ),
    "encoder": re.compile(
        r"quantizer\.(?!.*\.output_proj\.).*|(downsample|encoder_transformer|encoder)\..*"
    ),
}
"""The tensors of each."""
MATRICES = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
SCALED = {"self_attn_layer_scale": "self_attn.o_proj", "mlp_layer_scale": "mlp.fc2"}
EPSILON = 1e-5  # the least that the sum of a codebook's vectors is divided by


def read(folder: Path, half: str) -> tuple[Config, Weights]:
    """What is in a folder, the tensors for one half. Raises ModelError."""
    config, weights = _files(folder)
    with subject(str(folder)):
        return config, sanitize(weights, config, half)


def _files(folder: Path) -> tuple[Config, Weights]:
    path = folder / "config.json"
    published = sorted(folder.glob(MOSHI))
    if published and not (path.is_file() and read_json(path).get("model_type") == "mimi"):
        return Config(), read_safetensors(published[0])
    return Config.read(path), read_checkpoint(folder)


def sanitize(weights: Mapping[str, mx.array], config: Config, half: str = "decoder") -> Weights:
    """The tensors that the half needs, of both."""
    ours = _named(weights, config)
    ours = {name: tensor for name, tensor in ours.items() if HALVES[half].fullmatch(name)}
    _gather_codebooks(ours, "semantic", config.num_semantic_quantizers, config)
    _gather_codebooks(
        ours, "acoustic", config.num_quantizers - config.num_semantic_quantizers, config
    )
    _scale_layers(ours, f"{half}_transformer", config.shape)
    transposed = _upsampling(config)
    fused: Weights = fuse(turn(ours, config.shape.head_dim))  # type: ignore[assignment]
    formed = {name: _product(name, tensor, transposed) for name, tensor in fused.items()}
    # nn.conv takes kernels apart in other ways, for which transposed ones would always be copied.
    return {name: mx.contiguous(t) if t.ndim == 3 else t for name, t in formed.items()}


def _named(weights: Mapping[str, mx.array], config: Config) -> Weights:
    """With transformers' names, in float32."""
    shape = config.shape
    rows = shape.num_attention_heads * shape.head_dim
    named: Weights = {}
    for theirs, tensor in weights.items():
        name = theirs
        for pattern, better in MOSHI_NAMES:
            name = re.sub(pattern, better, name)
        named[name] = float32(tensor)
        stem = name.removesuffix(".in_proj_weight")
        if stem != name and tensor.shape == (3 * rows, shape.hidden_size):
            q, k, v = mx.split(named.pop(name), 3)
            named[f"{stem}.q_proj.weight"] = deinterleave(q, shape.head_dim)
            named[f"{stem}.k_proj.weight"] = deinterleave(k, shape.head_dim)
            named[f"{stem}.v_proj.weight"] = v
    return named


def _take(weights: Weights, name: str, shape: tuple[int, ...]) -> mx.array:
    """A tensor that goes into another, after which nobody would see what was wrong with it."""
    if name not in weights:
        raise ModelError(f"no tensor {name}")
    tensor = weights.pop(name)
    if tensor.shape != shape:
        raise ModelError(f"tensor {name} has shape {tensor.shape}, not {shape}")
    return tensor


def _gather_codebooks(weights: Weights, part: str, levels: int, config: Config) -> None:
    """Sums of vectors and how many they are to their means, and a zero for what is not there."""
    stem = f"quantizer.{part}_residual_vector_quantizer"
    size, width = config.codebook_size, config.vector_quantization_hidden_dimension
    books = []
    for level in range(levels):
        book = f"{stem}.layers.{level}.codebook"
        weights.pop(f"{book}.initialized", None)
        usage = mx.maximum(_take(weights, f"{book}.cluster_usage", (size,)), EPSILON)
        means = _take(weights, f"{book}.embed_sum", (size, width)) / usage[:, None]
        books.append(mx.concatenate([means, mx.zeros((1, width))]))
    weights[f"{stem}.codebooks"] = mx.stack(books)


def _scale_layers(weights: Weights, stem: str, shape: Shape) -> None:
    """The scale of what a layer adds goes into its last matrix."""
    heads, width = shape.num_attention_heads * shape.head_dim, shape.hidden_size
    groups = shape.num_key_value_heads * shape.head_dim
    into = {"self_attn.o_proj": heads, "mlp.fc2": shape.intermediate_size}
    for layer in range(shape.num_hidden_layers):
        block = f"{stem}.layers.{layer}"
        for part, rows in zip(MATRICES, (heads, groups, groups), strict=True):
            name = f"{block}.{part}.weight"
            weights[name] = _take(weights, name, (rows, width))
        for scale, part in SCALED.items():
            name = f"{block}.{part}.weight"
            matrix = _take(weights, name, (width, into[part]))
            weights[name] = scaled(matrix, _take(weights, f"{block}.{scale}.scale", (width,)))


def _upsampling(config: Config) -> set[str]:
    """The transposed convolutions, whose tensors are (in, out, taps)."""
    layers = 2 + config.num_residual_layers
    return {
        f"decoder.layers.{2 + n * layers}.conv.weight" for n in range(len(config.upsampling_ratios))
    }


def _product(name: str, tensor: mx.array, transposed: set[str]) -> mx.array:
    """A convolution, (out, in, taps), as nn.conv multiplies it."""
    if tensor.ndim != 3 or not name.endswith(".weight"):
        return tensor
    if name in transposed:
        return tensor.transpose(0, 2, 1).reshape(len(tensor), -1)
    if name == "upsample.conv.weight":  # (channels, 1, taps)
        return tensor[:, 0].T
    return tensor[..., 0].T if name.endswith("_proj.weight") else tensor.transpose(2, 1, 0)
