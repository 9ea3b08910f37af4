"""Mimi of random weights: in memory, as transformers saves it, and as Moshi has it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from mlxtts.codecs.mimi.checkpoint import sanitize
from mlxtts.codecs.mimi.codec import Codec
from mlxtts.codecs.mimi.config import Config
from mlxtts.codecs.mimi.encoder import Encoder
from mlxtts.nn import loading, mx
from tests import weights
from tests.conftest import write_safetensors

MOSHI = (
    ("encoder.layers.", "encoder.model."),
    ("decoder.layers.", "decoder.model."),
    ("_transformer.layers", "_transformer.transformer.layers"),
    (".self_attn.o_proj.", ".self_attn.out_proj."),
    (".mlp.fc1.", ".linear1."),
    (".mlp.fc2.", ".linear2."),
    (".input_layernorm.", ".norm1."),
    (".post_attention_layernorm.", ".norm2."),
    (".self_attn_layer_scale.", ".layer_scale_1."),
    (".mlp_layer_scale.", ".layer_scale_2."),
    ("semantic_residual_vector_quantizer.layers", "rvq_first.vq.layers"),
    ("acoustic_residual_vector_quantizer.layers", "rvq_rest.vq.layers"),
    ("semantic_residual_vector_quantizer", "rvq_first"),
    ("acoustic_residual_vector_quantizer", "rvq_rest"),
    (".codebook.embed_sum", "._codebook.embedding_sum"),
    (".codebook.cluster_usage", "._codebook.cluster_usage"),
    (".codebook.initialized", "._codebook._initialized"),
)


def arrays(tensors: weights.Tensors) -> dict[str, mx.array]:
    return {name: mx.array(tensor) for name, tensor in tensors.items()}


def configuration(raw: dict[str, Any]) -> Config:
    return loading.configure(Config, raw, Path("config.json"))


def build(raw: dict[str, Any], tensors: weights.Tensors | None = None) -> Codec:
    config = configuration(raw)
    codec = Codec(config)
    tensors = weights.mimi(raw) if tensors is None else tensors
    loading.load(codec, sanitize(arrays(tensors), config), Path("x"))
    return codec


def build_encoder(raw: dict[str, Any], tensors: weights.Tensors | None = None) -> Encoder:
    config = configuration(raw)
    encoder = Encoder(config)
    tensors = weights.mimi(raw) if tensors is None else tensors
    loading.load(encoder, sanitize(arrays(tensors), config, "encoder"), Path("x"))
    return encoder


def recording(frames: int, frame_samples: int) -> np.ndarray:
    """Noise that swells and fades, which is like no other frame."""
    count = frames * frame_samples
    noise = np.random.default_rng(3).standard_normal(count)
    swell = 0.2 + 0.8 * np.sin(np.arange(count) / (3.3 * frame_samples)) ** 2
    return (0.2 * swell * noise).astype(np.float32)


def write(folder: Path, raw: dict[str, Any], tensors: weights.Tensors) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(raw))
    write_safetensors(folder / "model.safetensors", tensors)
    return folder


def moshi(tensors: weights.Tensors, raw: dict[str, Any]) -> weights.Tensors:
    """Names as in tokenizer-e351c8d8-checkpoint125.safetensors: its wrappers of convolutions, and
    q, k and v in one matrix, in which the numbers that rotate together are neighbours."""
    heads, dim = raw["num_attention_heads"], raw["head_dim"]
    made: weights.Tensors = {}
    for name, tensor in tensors.items():
        stem, _, part = name.rpartition(".self_attn.")
        if part in ("k_proj.weight", "v_proj.weight"):
            continue
        if part == "q_proj.weight":
            q, k = (
                tensors[f"{stem}.self_attn.{which}_proj.weight"]
                .reshape(heads, 2, dim // 2, -1)
                .swapaxes(1, 2)
                .reshape(heads * dim, -1)
                for which in "qk"
            )
            v = tensors[f"{stem}.self_attn.v_proj.weight"]
            name, tensor = f"{stem}.self_attn.in_proj_weight", np.concatenate([q, k, v])
        made[_moshi_name(name, raw)] = tensor
    return made


def _moshi_name(name: str, raw: dict[str, Any]) -> str:
    for ours, theirs in MOSHI:
        name = name.replace(ours, theirs)
    layers = 2 + raw["num_residual_layers"]
    ups = {f"decoder.model.{2 + n * layers}" for n in range(len(raw["upsampling_ratios"]))}
    stem, _, leaf = name.partition(".conv.")
    if not leaf:
        return name
    if stem == "upsample":
        return f"upsample.convtr.convtr.convtr.{leaf}"
    if stem == "downsample":
        return f"downsample.conv.conv.conv.{leaf}"
    kind = "convtr" if stem in ups else "conv"
    return f"{stem}.{kind}.{kind}.{leaf}"
