"""What a CSM checkpoint's config.json says: that of transformers, with a configuration in it for
each of the two transformers, or that of Sesame's own package, which names their sizes.

Sizes and token ids: github.com/SesameAILabs/csm and transformers' CsmConfig.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlxtts.errors import ModelError
from mlxtts.models import Plain
from mlxtts.nn.loading import configure, read_json
from mlxtts.nn.quantization import Quantization
from mlxtts.nn.rope import scaling
from mlxtts.nn.sampling import Sampling
from mlxtts.nn.transformer import Shape

LEAST_SECONDS = 3.0
SECONDS_A_LETTER = 0.25  # some four times what a letter takes
FLAVORS: dict[str, dict[str, Any]] = {
    "llama-1B": {
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
    },
    "llama-100M": {
        "hidden_size": 1024,
        "intermediate_size": 8192,
        "num_hidden_layers": 4,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
    },
}
"""Of Sesame's package; both with the rotary positions of Llama 3.2."""
LLAMA_3 = {
    "rope_type": "llama3",
    "factor": 32.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}

NAMES = {
    "codebook_size": ("vocab_size", "audio_vocab_size"),
    "num_codebooks": ("audio_num_codebooks",),
}
"""What other packages call these fields, the one that counts last."""


@dataclass(frozen=True)
class Generation:
    """generation_config.json; the defaults are those of Sesame's package."""

    temperature: float = 0.9
    top_k: int = 50
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0


@dataclass(frozen=True)
class Llama:
    """One of the two transformers."""

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    rms_norm_eps: float = 1e-5
    rope_theta: float = 500_000.0
    head_dim: int | None = None
    max_position_embeddings: int = 2048
    hidden_act: str = "silu"
    attention_bias: bool = False
    mlp_bias: bool = False

    @classmethod
    def parse(cls, raw: dict[str, Any], path: Path) -> Shape:
        """Its shape. Raises ModelError for a variant that is not implemented."""
        rope = raw.get("rope_scaling") or raw.get("rope_parameters") or {}
        if not isinstance(rope, dict):
            raise ModelError(f"{path}: rope_scaling cannot be {rope!r}")
        theta = {"rope_theta": rope["rope_theta"]} if "rope_theta" in rope else {}
        llama = configure(cls, theta | raw, path)
        if llama.hidden_act != "silu" or llama.attention_bias or llama.mlp_bias:
            raise ModelError(f"{path}: a Llama with biases or another activation than SiLU")
        return Shape(
            hidden_size=llama.hidden_size,
            num_hidden_layers=llama.num_hidden_layers,
            intermediate_size=llama.intermediate_size,
            num_attention_heads=llama.num_attention_heads,
            num_key_value_heads=llama.num_key_value_heads,
            head_dim=llama.head_dim or llama.hidden_size // llama.num_attention_heads,
            vocab_size=0,
            rms_norm_eps=llama.rms_norm_eps,
            rope_theta=llama.rope_theta,
            rope_scaling=scaling(rope, path),
            max_position_embeddings=llama.max_position_embeddings,
        )


@dataclass(frozen=True)
class Config(Plain):
    """`audible_codes` of the `codebook_size` codes are the codec's; what the others mean is not
    said aloud."""

    backbone: Shape
    decoder: Shape
    text_vocab_size: int = 128_256
    codebook_size: int = 2051
    audible_codes: int = 2048
    num_codebooks: int = 32
    prompt_prefix: tuple[int, ...] = (128_000,)
    prompt_suffix: tuple[int, ...] = (128_001,)
    voices: tuple[str, ...] = tuple(str(speaker) for speaker in range(10))
    languages: tuple[str, ...] = ("en",)
    tags: tuple[str, ...] = ()
    spoken_form: bool = False
    example_seconds: float = 30.0  # type: ignore[misc]
    segment_length: int = 200
    segment_pause: float = 0.0
    sample_rate: int = 24_000
    frame_rate: float = 12.5
    codec: str = "mimi"
    codec_path: str = "kyutai/mimi"
    quantization: Quantization = field(default_factory=Quantization)
    generation: Generation = Generation()

    @classmethod
    def read(cls, folder: Path) -> Config:
        """Raises ModelError for a variant that is not implemented."""
        path = folder / "generation_config.json"
        generation = configure(Generation, read_json(path) if path.is_file() else {}, path)
        path = folder / "config.json"
        return cls.parse(read_json(path), path, generation)

    @classmethod
    def parse(cls, raw: dict[str, Any], path: Path, generation: Generation) -> Config:
        known = _renamed(raw, path)
        parts: dict[str, Any] = {
            "backbone": Llama.parse(known, path),
            "decoder": Llama.parse(known["depth_decoder_config"], path),
            "quantization": Quantization.parse(raw, str(path)),
            "generation": generation,
        }
        config = configure(cls, known | parts, path)
        audible = 0 < config.audible_codes <= config.codebook_size
        if not (config.voices and audible and config.num_codebooks > 1):
            raise ModelError(f"{path}: not a CSM model")
        return config

    @property
    def sampling(self) -> Sampling:
        g = self.generation
        return Sampling(g.temperature, g.top_k, g.top_p, g.min_p, g.repetition_penalty)

    @property
    def frame_codes(self) -> int:
        return self.num_codebooks

    @property
    def longest(self) -> int:
        """Frames of a segment at most, so that its text has room before them."""
        return self.backbone.max_position_embeddings // 2

    def frame_limit(self, letters: int) -> int:
        seconds = LEAST_SECONDS + SECONDS_A_LETTER * letters
        return min(round(seconds * self.frame_rate), self.longest)


def aliases(raw: dict[str, Any]) -> dict[str, Any]:
    """What mlx-audio looks for in a configuration of transformers'."""
    found = {
        "audio_vocab_size": raw.get("vocab_size"),
        "audio_num_codebooks": raw.get("num_codebooks"),
        **_rope(raw),
    }
    deep = raw.get("depth_decoder_config")
    if isinstance(deep, dict):
        found["depth_decoder_config"] = deep | _rope(deep)
    return {key: value for key, value in found.items() if value is not None}


def _rope(raw: dict[str, Any]) -> dict[str, Any]:
    """Rotary positions as transformers wrote them before version 5."""
    rope = raw.get("rope_parameters") or {}
    return {"rope_theta": rope["rope_theta"], "rope_scaling": rope} if rope else {}


def _renamed(raw: dict[str, Any], path: Path) -> dict[str, Any]:
    """transformers' form of either form, with this package's names for sizes."""
    known = dict(raw)
    codec = raw.get("codec_config")
    if isinstance(codec, dict) and "codebook_size" in codec:
        known["audible_codes"] = codec["codebook_size"]
    for name, others in NAMES.items():
        for other in filter(raw.__contains__, others):
            known[name] = raw[other]
    if "backbone_flavor" in raw and "hidden_size" not in raw:
        known = _flavor(raw, "backbone_flavor", path) | known
    if not isinstance(known.get("depth_decoder_config"), dict):
        known["depth_decoder_config"] = _flavor(raw, "decoder_flavor", path)
    return known


def _flavor(raw: dict[str, Any], key: str, path: Path) -> dict[str, Any]:
    flavor = raw.get(key)
    if flavor not in FLAVORS:
        raise ModelError(f"{path}: {key} cannot be {flavor!r}")
    return FLAVORS[flavor] | {"rope_scaling": LLAMA_3}
