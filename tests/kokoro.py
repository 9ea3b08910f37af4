"""Kokoro with random weights: its tensors under PyTorch's names, as numpy arrays, and folders of
models in the layouts that there are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from mlxtts.nn import mx

Tensors = dict[str, np.ndarray]

SYMBOLS = (
    ';:,.!?—…"()“” \u0303ʣʥʦʨᵝꭧAIOQSTWYᵊabcdefhijklmnopqrstuvwxyzɑɐɒæβɔɕçɖðʤəɚɛɜɟɡɥɨɪʝɯɰŋɳɲɴøɸθœɹɾɻ'
    "ʁɽʂʃʈʧʊʋʌɣɤχʎʒʔˈˌːʰʲ↓→↗↘ᵻ"
)
FULL: dict[str, Any] = {
    "istftnet": {
        "upsample_kernel_sizes": [20, 12],
        "upsample_rates": [10, 6],
        "gen_istft_hop_size": 5,
        "gen_istft_n_fft": 20,
        "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5], [1, 3, 5]],
        "resblock_kernel_sizes": [3, 7, 11],
        "upsample_initial_channel": 512,
    },
    "dim_in": 64,
    "dropout": 0.2,
    "hidden_dim": 512,
    "max_conv_dim": 512,
    "max_dur": 50,
    "multispeaker": True,
    "n_layer": 3,
    "n_mels": 80,
    "n_token": 178,
    "style_dim": 128,
    "text_encoder_kernel_size": 5,
    "plbert": {
        "hidden_size": 768,
        "num_attention_heads": 12,
        "intermediate_size": 2048,
        "max_position_embeddings": 512,
        "num_hidden_layers": 12,
        "dropout": 0.1,
    },
    "vocab": {symbol: number for number, symbol in enumerate(SYMBOLS, 1)},
}
"""The published model's, but for the numbers of the symbols."""
SMALL = FULL | {
    "istftnet": FULL["istftnet"] | {"upsample_initial_channel": 16},
    "hidden_dim": 16,
    "decoder_dim": 24,
    "style_dim": 8,
    "n_layer": 1,
    "plbert": FULL["plbert"]
    | {
        "hidden_size": 12,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
    },
}
WEIGHTS = "kokoro-v1_0.safetensors"
VOICES = ("af_heart", "af_bella", "bf_emma", "ef_dora", "ff_siwis", "hf_alpha", "if_sara",
          "jf_alpha", "pf_dora", "zf_xiaobei")  # fmt: skip


class Maker:
    """Tensors of a size that keeps signals about as loud as they were."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.tensors: Tensors = {}

    def normal(self, name: str, *shape: int, size: float = 1.0, around: float = 0.0) -> None:
        drawn = self.rng.standard_normal(shape, np.float32)
        self.tensors[name] = np.float32(size) * drawn + np.float32(around)

    def linear(self, name: str, out: int, into: int, gain: float = 1.0) -> None:
        self.normal(f"{name}.weight", out, into, size=gain * into**-0.5)
        self.normal(f"{name}.bias", out, size=0.1)

    def norm(self, name: str, width: int, leaves: tuple[str, str] = ("weight", "bias")) -> None:
        self.normal(f"{name}.{leaves[0]}", width, size=0.1, around=1)
        self.normal(f"{name}.{leaves[1]}", width, size=0.1)

    def conv(
        self, name: str, shape: tuple[int, int, int], bias: int = 0, gain: float = 1.0
    ) -> None:
        self.normal(f"{name}.weight_v", *shape)
        self.normal(f"{name}.weight_g", shape[0], 1, 1, size=0.1 * gain, around=gain)
        if bias:
            self.normal(f"{name}.bias", bias, size=0.1)

    def lstm(self, name: str, into: int, hidden: int) -> None:
        for way in ("", "_reverse"):
            self.normal(f"{name}.weight_ih_l0{way}", 4 * hidden, into, size=into**-0.5)
            self.normal(f"{name}.weight_hh_l0{way}", 4 * hidden, hidden, size=hidden**-0.5)
            self.normal(f"{name}.bias_ih_l0{way}", 4 * hidden, size=0.1)
            self.normal(f"{name}.bias_hh_l0{way}", 4 * hidden, size=0.1)


def tensors(config: dict[str, Any], seed: int = 0) -> Tensors:
    """All of the network's. Durations come out as some four frames, the pitch about 120 Hz, now and
    then too low to be one."""
    make = Maker(seed)
    width, style, layers = config["hidden_dim"], config["style_dim"], config["n_layer"]
    _bert(make, config)
    make.linear("bert_encoder", width, config["plbert"]["hidden_size"])
    make.normal("text_encoder.embedding.weight", config["n_token"], width)
    for n in range(layers):
        make.conv(f"text_encoder.cnn.{n}.0", (width, width, 5), width)
        make.norm(f"text_encoder.cnn.{n}.1", width, ("gamma", "beta"))
        make.lstm(f"predictor.text_encoder.lstms.{2 * n}", width + style, width // 2)
        make.linear(f"predictor.text_encoder.lstms.{2 * n + 1}.fc", 2 * width, style, 0.5)
    make.lstm("text_encoder.lstm", width, width // 2)
    make.lstm("predictor.lstm", width + style, width // 2)
    make.lstm("predictor.shared", width + style, width // 2)
    make.linear("predictor.duration_proj.linear_layer", config["max_dur"], width, 2)
    make.tensors["predictor.duration_proj.linear_layer.bias"] -= 2.5
    for curve, gain, around in (("F0", 80, 120), ("N", 1, 0)):
        stem, half = f"predictor.{curve}", width // 2
        _styled(make, f"{stem}.0", width, width, style)
        _styled(make, f"{stem}.1", width, half, style, double=True)
        _styled(make, f"{stem}.2", half, half, style)
        make.normal(f"{stem}_proj.weight", 1, half, 1, size=gain * half**-0.5)
        make.normal(f"{stem}_proj.bias", 1, around=around)
    _decoder(make, config)
    return make.tensors


def _bert(make: Maker, config: dict[str, Any]) -> None:
    bert = config["plbert"]
    hidden, small = bert["hidden_size"], 128
    make.normal("bert.embeddings.word_embeddings.weight", config["n_token"], small)
    make.normal("bert.embeddings.position_embeddings.weight", 512, small, size=0.5)
    make.normal("bert.embeddings.token_type_embeddings.weight", 2, small, size=0.5)
    make.norm("bert.embeddings.LayerNorm", small)
    make.linear("bert.encoder.embedding_hidden_mapping_in", hidden, small)
    layer = "bert.encoder.albert_layer_groups.0.albert_layers.0"
    for name in ("query", "key", "value", "dense"):
        make.linear(f"{layer}.attention.{name}", hidden, hidden)
    make.norm(f"{layer}.attention.LayerNorm", hidden)
    make.linear(f"{layer}.ffn", bert["intermediate_size"], hidden)
    make.linear(f"{layer}.ffn_output", hidden, bert["intermediate_size"])
    make.norm(f"{layer}.full_layer_layer_norm", hidden)
    make.linear("bert.pooler", hidden, hidden)


def _adain(make: Maker, name: str, channels: int, style: int) -> None:
    make.norm(f"{name}.norm", channels)
    make.linear(f"{name}.fc", 2 * channels, style, 0.5)


def _styled(
    make: Maker, name: str, into: int, out: int, style: int, *, double: bool = False
) -> None:
    make.conv(f"{name}.conv1", (out, into, 3), out)
    make.conv(f"{name}.conv2", (out, out, 3), out)
    _adain(make, f"{name}.norm1", into, style)
    _adain(make, f"{name}.norm2", out, style)
    if into != out:
        make.conv(f"{name}.conv1x1", (out, into, 1))
    if double:
        make.conv(f"{name}.pool", (into, 1, 3), into)


def _snakes(make: Maker, name: str, channels: int, taps: int, style: int) -> None:
    for n in range(3):
        for half in (1, 2):
            make.conv(f"{name}.convs{half}.{n}", (channels, channels, taps), channels, 0.5)
            _adain(make, f"{name}.adain{half}.{n}", channels, style)
            alpha = make.rng.uniform(0.3, 2.0, (1, channels, 1))
            make.tensors[f"{name}.alpha{half}.{n}"] = alpha.astype(np.float32)


def _decoder(make: Maker, config: dict[str, Any]) -> None:
    text, style = config["hidden_dim"], config["style_dim"]
    width = config.get("decoder_dim", 1024)
    generator = config["istftnet"]
    channels = generator["upsample_initial_channel"]
    _styled(make, "decoder.encode", text + 2, width, style)
    for n in range(4):
        out = channels if n == 3 else width
        _styled(make, f"decoder.decode.{n}", width + 66, out, style, double=n == 3)
    for curve in ("F0_conv", "N_conv"):
        make.conv(f"decoder.{curve}", (1, 1, 3), 1, 0.3)
    make.conv("decoder.asr_res.0", (64, text, 1), 64)
    stem = "decoder.generator"
    make.linear(f"{stem}.m_source.l_linear", 1, 9, 3)
    rates = generator["upsample_rates"]
    for n, rate in enumerate(rates):
        make.conv(f"{stem}.ups.{n}", (channels, channels // 2, 2 * rate), channels // 2, rate**0.5)
        channels //= 2
        rest = int(np.prod(rates[n + 1 :]))
        taps = 2 * rest if rest > 1 else 1
        make.normal(f"{stem}.noise_convs.{n}.weight", channels, 22, taps, size=(22 * taps) ** -0.5)
        make.normal(f"{stem}.noise_convs.{n}.bias", channels, size=0.1)
        _snakes(make, f"{stem}.noise_res.{n}", channels, 7 if rest > 1 else 11, style)
        for j, taps in enumerate(generator["resblock_kernel_sizes"]):
            _snakes(make, f"{stem}.resblocks.{3 * n + j}", channels, taps, style)
    make.conv(f"{stem}.conv_post", (22, channels, 7), 22, 0.5 if channels > 64 else 0.1)
    make.tensors[f"{stem}.conv_post.bias"][:11] -= 2


def calm(tensors: Tensors) -> Tensors:
    """With the pitch even and without the phases of the source, which turn from half a turn to
    minus that at the least difference: so that results differ as little as the arithmetic."""
    for name in tensors:
        if ".noise_convs." in name and name.endswith(".weight"):
            tensors[name][:, 11:] = 0
    tensors["predictor.F0_proj.weight"] *= 0.1
    return tensors


def voice(config: dict[str, Any], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 0.3 * rng.standard_normal((510, 1, 2 * config["style_dim"]), np.float32)


def save(folder: Path, tensors: Tensors) -> None:
    arrays = {name: mx.array(np.ascontiguousarray(t)) for name, t in tensors.items()}
    mx.save_safetensors(str(folder / WEIGHTS), arrays)


def folder(path: Path, config: dict[str, Any] = SMALL, voices: tuple[str, ...] = VOICES) -> Path:
    """A model as MLX's community has it, with voices of their own."""
    (path / "voices").mkdir(parents=True)
    (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    save(path, tensors(config))
    for number, name in enumerate(voices):
        pack = {"voice": mx.array(voice(config, number))}
        mx.save_safetensors(str(path / "voices" / f"{name}.safetensors"), pack)
    return path


GOLDEN = "həlˈO."
"""What the golden samples say."""


def golden_style() -> np.ndarray:
    return 0.3 * np.random.default_rng(5).standard_normal((1, 256), np.float32)


def golden_noise(samples: int) -> np.ndarray:
    """What the reference draws first, (1, samples, 9)."""
    return np.random.default_rng(0).standard_normal((1, samples, 9), np.float32)


def golden_spectrum(frames: int) -> np.ndarray:
    """In place of the source's, whose phases no other arithmetic gives exactly, (frames, 22)."""
    rng = np.random.default_rng(9)
    magnitude = np.abs(rng.standard_normal((frames, 11), np.float32))
    return np.concatenate([magnitude, rng.uniform(-3, 3, (frames, 11)).astype(np.float32)], axis=1)
