"""CSM checkpoints of random weights, in the three layouts in which they come."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from tests import weights
from tests.conftest import STARTER, write_safetensors
from tests.weights import Tensors

SMALL: dict[str, Any] = {
    "model_type": "csm",
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "vocab_size": 51,
    "num_codebooks": 5,
    "text_vocab_size": 64,
    "max_position_embeddings": 512,
    "rms_norm_eps": 1e-5,
    "rope_parameters": {
        "rope_type": "llama3",
        "rope_theta": 500_000.0,
        "factor": 32.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    },
    "codebook_pad_token_id": 50,
    "codebook_eos_token_id": 0,
    "bos_token_id": 1,
    "pad_token_id": 2,
    "audio_token_id": 2,
    "audio_eos_token_id": 3,
    "codec_config": {"codebook_size": 51},
    "prompt_prefix": [1],
    "prompt_suffix": [4],
    "voices": ["0", "1"],
    "depth_decoder_config": {
        "backbone_hidden_size": 48,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "vocab_size": 51,
        "num_codebooks": 5,
        "max_position_embeddings": 33,
        "rms_norm_eps": 1e-5,
        "rope_parameters": {
            "rope_type": "llama3",
            "rope_theta": 500_000.0,
            "factor": 32.0,
            "low_freq_factor": 0.001953125,
            "high_freq_factor": 0.0078125,
            "original_max_position_embeddings": 16,
        },
    },
}
REAL = SMALL | {
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 1,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "vocab_size": 2051,
    "num_codebooks": 6,
    "codebook_pad_token_id": 2050,
    "codec_config": {"codebook_size": 2048},
    "depth_decoder_config": SMALL["depth_decoder_config"]
    | {
        "backbone_hidden_size": 2048,
        "hidden_size": 1024,
        "intermediate_size": 8192,
        "num_hidden_layers": 1,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
        "head_dim": 128,
        "vocab_size": 2051,
        "num_codebooks": 6,
        "max_position_embeddings": 33,
    },
}
"""The published model's shapes, but for the numbers of layers, codebooks and text tokens."""


def tensors(config: dict[str, Any], seed: int = 0) -> Tensors:
    """As transformers saves them, without a codec."""
    rng = np.random.default_rng(seed)
    deep = config["depth_decoder_config"]
    wide, narrow, size = config["hidden_size"], deep["hidden_size"], config["vocab_size"]
    books = config["num_codebooks"]

    def matrix(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape, np.float32) * np.float32(shape[-1] ** -0.5)

    found: Tensors = {
        "embed_text_tokens.weight": 2 * matrix(config["text_vocab_size"], wide),
        "backbone_model.embed_tokens.embed_audio_tokens.weight": matrix(size * books, wide),
        "depth_decoder.model.inputs_embeds_projector.weight": matrix(narrow, wide),
        "lm_head.weight": matrix(size, wide),
        "depth_decoder.codebooks_head.weight": matrix(books - 1, size, narrow)
        .swapaxes(1, 2)
        .copy(),
    }
    for stem, part, own in (
        ("backbone_model", config, seed),
        ("depth_decoder.model", deep, seed + 1),
    ):
        for name, tensor in weights.llama(part | {"vocab_size": 8}, own).items():
            if "embed_tokens" not in name:
                found[name.replace("model", stem, 1)] = tensor
    return found


def as_torchtune(config: dict[str, Any], arrays: Tensors) -> Tensors:
    """The same as Sesame's package has them: a pair that turns together is two rows that follow
    each other, where transformers has the two halves of a head."""
    names = {
        "embed_text_tokens.weight": "text_embeddings.weight",
        "backbone_model.embed_tokens.embed_audio_tokens.weight": "audio_embeddings.weight",
        "depth_decoder.model.inputs_embeds_projector.weight": "projection.weight",
        "lm_head.weight": "codebook0_head.weight",
        "depth_decoder.codebooks_head.weight": "audio_head",
    }
    parts = {
        "backbone_model.": "backbone.",
        "depth_decoder.model.": "decoder.",
        "self_attn.o_proj": "attn.output_proj",
        "self_attn.": "attn.",
        "gate_proj": "w1",
        "down_proj": "w2",
        "up_proj": "w3",
        "input_layernorm.weight": "sa_norm.scale",
        "post_attention_layernorm.weight": "mlp_norm.scale",
        "norm.weight": "norm.scale",
    }
    found: Tensors = {}
    for name, tensor in arrays.items():
        deep = name.startswith("depth")
        dim = (config["depth_decoder_config"] if deep else config)["head_dim"]
        if "q_proj" in name or "k_proj" in name:
            heads = tensor.reshape(-1, 2, dim // 2, tensor.shape[1])
            tensor = np.ascontiguousarray(heads.swapaxes(1, 2)).reshape(tensor.shape)
        renamed = names.get(name, name)
        if renamed == name:
            for old, new in parts.items():
                renamed = renamed.replace(old, new)
        found[renamed] = tensor
    return found


def as_mlx_audio(config: dict[str, Any], arrays: Tensors) -> Tensors:
    """The same as mlx-audio saves it."""
    parts = {
        ".attn.output_proj": ".self_attn.o_proj",
        ".attn.": ".self_attn.",
        ".w1.": ".gate_proj.",
        ".w2.": ".down_proj.",
        ".w3.": ".up_proj.",
        "sa_norm.scale": "input_layernorm.weight",
        "mlp_norm.scale": "post_attention_layernorm.weight",
        "norm.scale": "norm.weight",
    }
    found: Tensors = {}
    for name, tensor in as_torchtune(config, arrays).items():
        for old, new in parts.items():
            name = name.replace(old, new)
        found[f"model.{name}"] = tensor
    return found


def folder(path: Path, config: dict[str, Any] = SMALL, arrays: Tensors | None = None) -> Path:
    """A model's folder without a codec."""
    path.mkdir(parents=True)
    write_safetensors(path / "model.safetensors", arrays or tensors(config))
    (path / "config.json").write_text(json.dumps(config))
    shutil.copy(STARTER / "tokenizer.json", path)
    return path
