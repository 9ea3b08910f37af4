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

MIMI_FULL: dict[str, Any] = {
    "model_type": "mimi",
    "sampling_rate": 24_000,
    "frame_rate": 12.5,
    "audio_channels": 1,
    "hidden_size": 512,
    "num_filters": 64,
    "num_residual_layers": 1,
    "upsampling_ratios": [8, 6, 5, 4],
    "kernel_size": 7,
    "last_kernel_size": 3,
    "residual_kernel_size": 3,
    "dilation_growth_rate": 2,
    "use_causal_conv": True,
    "pad_mode": "constant",
    "compress": 2,
    "trim_right_ratio": 1.0,
    "use_conv_shortcut": False,
    "codebook_size": 2048,
    "codebook_dim": 256,
    "vector_quantization_hidden_dimension": 256,
    "num_quantizers": 32,
    "num_semantic_quantizers": 1,
    "upsample_groups": 512,
    "num_hidden_layers": 8,
    "intermediate_size": 2048,
    "num_attention_heads": 8,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "hidden_act": "gelu",
    "max_position_embeddings": 8000,
    "norm_eps": 1e-5,
    "rope_theta": 10_000.0,
    "sliding_window": 250,
    "layer_scale_initial_scale": 0.01,
}
MIMI_SMALL = MIMI_FULL | {
    "frame_rate": 300.0,
    "hidden_size": 32,
    "num_filters": 6,
    "num_residual_layers": 2,
    "upsampling_ratios": [5, 4, 2],
    "codebook_size": 32,
    "codebook_dim": 12,
    "vector_quantization_hidden_dimension": 12,
    "num_quantizers": 5,
    "num_semantic_quantizers": 2,
    "upsample_groups": 32,
    "num_hidden_layers": 3,
    "intermediate_size": 48,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "head_dim": 8,
    "sliding_window": 7,
}
"""Unlike the published one in all that may be: a window of 7, two residual layers and so on."""

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


def mimi(config: dict[str, Any], seed: int = 0) -> Tensors:
    """Both halves and the quantiser. Each transformer's layers add much to what they are given, and
    the norms are uneven, so that nothing of them may be left out."""
    rng = np.random.default_rng(seed)
    tensors: Tensors = {}
    width, filters = config["hidden_size"], config["num_filters"]
    ratios, inner = config["upsampling_ratios"], config["vector_quantization_hidden_dimension"]

    def normal(name: str, shape: tuple[int, ...], into: int, gain: float = 1.0) -> None:
        tensors[name] = rng.standard_normal(shape, np.float32) * np.float32(gain * into**-0.5)

    def conv(name: str, out: int, into: int, taps: int, gain: float = 1.0) -> None:
        normal(f"{name}.conv.weight", (out, into, taps), into * taps, gain)
        normal(f"{name}.conv.bias", (out,), 1, 0.1)

    def residuals(stem: str, at: int, channels: int) -> int:
        hidden = channels // config["compress"]
        for layer in range(at, at + config["num_residual_layers"]):
            name = f"{stem}.layers.{layer}.block"
            conv(f"{name}.1", hidden, channels, config["residual_kernel_size"], 1.3)
            conv(f"{name}.3", channels, hidden, 1)
        return at + config["num_residual_layers"]

    def transformer(stem: str) -> None:
        rows = config["num_attention_heads"] * config["head_dim"]
        for layer in range(config["num_hidden_layers"]):
            name = f"{stem}.layers.{layer}"
            for part in "qkv":
                normal(f"{name}.self_attn.{part}_proj.weight", (rows, width), width, 1.5)
            normal(f"{name}.self_attn.o_proj.weight", (width, rows), rows, 2)
            normal(f"{name}.mlp.fc1.weight", (config["intermediate_size"], width), width)
            into = config["intermediate_size"]
            normal(f"{name}.mlp.fc2.weight", (width, into), into, 2)
            for norm in ("input_layernorm", "post_attention_layernorm"):
                tensors[f"{name}.{norm}.weight"] = rng.uniform(0.5, 1.5, width).astype(np.float32)
                normal(f"{name}.{norm}.bias", (width,), 1, 0.1)
            for scale in ("self_attn_layer_scale", "mlp_layer_scale"):
                tensors[f"{name}.{scale}.scale"] = rng.uniform(0.2, 0.6, width).astype(np.float32)

    conv("encoder.layers.0", filters, 1, config["kernel_size"], 3)
    at, channels = 1, filters
    for rate in reversed(ratios):
        at = residuals("encoder", at, channels)
        conv(f"encoder.layers.{at + 1}", 2 * channels, channels, 2 * rate, 1.2)
        at, channels = at + 2, 2 * channels
    conv(f"encoder.layers.{at + 1}", width, channels, config["last_kernel_size"])
    transformer("encoder_transformer")
    normal("downsample.conv.weight", (width, width, 4), 4 * width)

    size, semantic = config["codebook_size"], config["num_semantic_quantizers"]
    levels = {"semantic": semantic, "acoustic": config["num_quantizers"] - semantic}
    for part, count in levels.items():
        stem = f"quantizer.{part}_residual_vector_quantizer"
        normal(f"{stem}.input_proj.weight", (inner, width, 1), width)
        normal(f"{stem}.output_proj.weight", (width, inner, 1), inner)
        for level in range(count):
            book = f"{stem}.layers.{level}.codebook"
            usage = rng.uniform(0.5, 20, size).astype(np.float32)
            usage[:2] = 0, 1e-7
            sums = rng.standard_normal((size, inner), np.float32) * usage[:, None] * 0.8**level
            tensors |= {f"{book}.cluster_usage": usage, f"{book}.embed_sum": sums}
            tensors[f"{book}.initialized"] = np.ones(1, np.float32)

    normal("upsample.conv.weight", (width, 1, 4), 2)
    transformer("decoder_transformer")
    conv("decoder.layers.0", channels, width, config["kernel_size"])
    at = 2
    for rate in ratios:
        name, half = f"decoder.layers.{at}.conv", channels // 2
        normal(f"{name}.weight", (channels, half, 2 * rate), 2 * channels, 1.2)
        normal(f"{name}.bias", (half,), 1, 0.1)
        at, channels = residuals("decoder", at + 1, half) + 1, half
    conv(f"decoder.layers.{at}", 1, channels, config["last_kernel_size"], 0.02)
    return tensors


def mimi_codes(config: dict[str, Any], frames: int, seed: int = 0) -> list[list[int]]:
    """Frames of codes."""
    rng = np.random.default_rng(seed)
    shape = (frames, config["num_quantizers"])
    found: list[list[int]] = rng.integers(0, config["codebook_size"], shape).tolist()
    return found


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
