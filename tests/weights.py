"""Random weights in the layouts of real checkpoints, the same in every test and reference run.

Tensors are numpy arrays under PyTorch's names. Their sizes are such that signals keep about their
loudness from layer to layer, so that a wrong tap or a wrong axis is seen.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Tensors = dict[str, np.ndarray]

SNAC_FULL: dict[str, Any] = {
    "sampling_rate": 24_000,
    "encoder_dim": 48,
    "encoder_rates": [2, 4, 8, 8],
    "decoder_dim": 1024,
    "decoder_rates": [8, 8, 4, 2],
    "attn_window_size": None,
    "codebook_size": 4096,
    "codebook_dim": 8,
    "vq_strides": [4, 2, 1],
    "noise": True,
    "depthwise": True,
}
SNAC_SMALL = SNAC_FULL | {"encoder_dim": 4, "decoder_dim": 48, "codebook_size": 64}
SNAC_LAYOUT = [0, 1, 2, 2, 1, 2, 2]
SNAC_ODD = SNAC_SMALL | {"decoder_rates": [3, 5], "vq_strides": [4, 4, 1], "latent_dim": 40}
SNAC_ODD_LAYOUT = [0, 1, 2, 2, 2, 2]

LLAMA_SMALL: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "vocab_size": 64 + 7 * 64,
    "rms_norm_eps": 1e-5,
    "rope_theta": 500_000.0,
    "rope_scaling": {
        "rope_type": "llama3",
        "factor": 32.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    },
    "tie_word_embeddings": True,
    "max_position_embeddings": 2048,
}
ORPHEUS_SMALL = LLAMA_SMALL | {
    "audio_token_offset": 64,
    "codebook_size": 64,
    "end_of_speech_token_id": 4,
    "prompt_prefix": [],
    "prompt_suffix": [],
    "voices": ["slt", "rms"],
}


def snac(config: dict[str, Any], seed: int = 0) -> Tensors:
    """A decoder and its quantiser, with weight norm unfolded."""
    rng = np.random.default_rng(seed)
    tensors: Tensors = {}

    def conv(name: str, shape: tuple[int, int, int], gain: float, bias: int = 0) -> None:
        stem = f"{name}.parametrizations.weight.original"
        spread = rng.uniform(0.8, 1.2, (shape[0], 1, 1))
        tensors[f"{stem}0"] = (gain * spread).astype(np.float32)
        tensors[f"{stem}1"] = rng.standard_normal(shape, np.float32)
        if bias:
            tensors[f"{name}.bias"] = 0.1 * rng.standard_normal(bias, np.float32)

    def snake(name: str, channels: int) -> None:
        alpha = rng.uniform(0.3, 2.0, (1, channels, 1))
        tensors[f"{name}.alpha"] = alpha.astype(np.float32)

    latents = config.get("latent_dim") or config["encoder_dim"] * 2 ** len(config["encoder_rates"])
    size, dim = config["codebook_size"], config["codebook_dim"]
    for level in range(len(config["vq_strides"])):
        stem = f"quantizer.quantizers.{level}"
        tensors[f"{stem}.codebook.weight"] = rng.standard_normal((size, dim), np.float32)
        conv(f"{stem}.out_proj", (latents, dim, 1), 0.3, latents)
    width = config["decoder_dim"]
    conv("decoder.model.0", (latents, 1, 7), 1, latents)
    conv("decoder.model.1", (width, latents, 1), 1, width)
    at = 2
    for rate in config["decoder_rates"]:
        stem, half = f"decoder.model.{at}.block", width // 2
        snake(f"{stem}.0", width)
        conv(f"{stem}.1", (width, half, 2 * rate), (rate / 2) ** 0.5, half)
        conv(f"{stem}.2.linear", (half, half, 1), 0.3)
        for unit in (3, 4, 5):
            snake(f"{stem}.{unit}.block.0", half)
            conv(f"{stem}.{unit}.block.1", (half, 1, 7), 1, half)
            snake(f"{stem}.{unit}.block.2", half)
            conv(f"{stem}.{unit}.block.3", (half, half, 1), 0.3, half)
        at, width = at + 1, half
    snake(f"decoder.model.{at}", width)
    conv(f"decoder.model.{at + 1}", (1, width, 7), 0.1, 1)
    return tensors


def snac_codes(config: dict[str, Any], frames: int, seed: int = 0) -> list[np.ndarray]:
    """Codes of each level, (1, n)."""
    rng = np.random.default_rng(seed)
    coarsest = config["vq_strides"][0]
    return [
        rng.integers(0, config["codebook_size"], (1, frames * coarsest // stride))
        for stride in config["vq_strides"]
    ]


def snac_frames(codes: list[np.ndarray], layout: list[int]) -> list[list[int]]:
    """The same codes as frames: `layout` is the level of each code of a frame."""
    levels = [iter(level[0].tolist()) for level in codes]
    return [[next(levels[level]) for level in layout] for _ in range(codes[0].shape[1])]


def llama(config: dict[str, Any], seed: int = 0) -> Tensors:
    """A Llama with tied embeddings. The row of the end of speech is zero, so that the likeliest
    code is never the end."""
    rng = np.random.default_rng(seed)
    width, ffn, dim = config["hidden_size"], config["intermediate_size"], config["head_dim"]
    heads, groups = config["num_attention_heads"] * dim, config["num_key_value_heads"] * dim

    def matrix(out: int, into: int) -> np.ndarray:
        return rng.standard_normal((out, into), np.float32) * np.float32(into**-0.5)

    def norm() -> np.ndarray:
        return rng.uniform(0.5, 1.5, width).astype(np.float32)

    tensors = {"model.embed_tokens.weight": matrix(config["vocab_size"], width) * 2}
    tensors["model.embed_tokens.weight"][4] = 0
    for layer in range(config["num_hidden_layers"]):
        stem = f"model.layers.{layer}"
        shapes = {
            "self_attn.q_proj": (heads, width),
            "self_attn.k_proj": (groups, width),
            "self_attn.v_proj": (groups, width),
            "self_attn.o_proj": (width, heads),
            "mlp.gate_proj": (ffn, width),
            "mlp.up_proj": (ffn, width),
            "mlp.down_proj": (width, ffn),
        }
        for name, shape in shapes.items():
            tensors[f"{stem}.{name}.weight"] = matrix(*shape)
        tensors[f"{stem}.input_layernorm.weight"] = norm()
        tensors[f"{stem}.post_attention_layernorm.weight"] = norm()
    tensors["model.norm.weight"] = norm()
    return tensors
