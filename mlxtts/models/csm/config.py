"""What a CSM checkpoint's config.json says: that of transformers, with a configuration in it for
each of the two transformers, or that of Sesame's own package, which names their sizes.

Sizes and token ids: github.com/SesameAILabs/csm and transformers' CsmConfig.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mlxtts.errors import ModelError
from mlxtts.models import Plain, llama, patience
from mlxtts.nn.loading import configure, read_json
from mlxtts.nn.quantization import Quantization
from mlxtts.nn.sampling import Sampling
from mlxtts.nn.transformer import Shape

DRAWN = Sampling(temperature=0.9, top_k=50)
"""Where generation_config.json says nothing; as in Sesame's package."""
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
    emphasis: bool = False
    example_seconds: float = 30.0  # type: ignore[misc]
    segment_length: int = 200
    segment_pause: float = 0.0
    sample_rate: int = 24_000
    frame_rate: float = 12.5
    codec: str = "mimi"
    codec_path: str = "kyutai/mimi"
    sampling: Sampling = DRAWN
    quantization: Quantization = field(default_factory=Quantization)

    @classmethod
    def read(cls, folder: Path) -> Config:
        """Raises ModelError for a variant that is not implemented."""
        path = folder / "generation_config.json"
        said = read_json(path) if path.is_file() else {}
        sampling = configure(Sampling, asdict(DRAWN) | said, path)
        path = folder / "config.json"
        return cls.parse(read_json(path), path, sampling)

    @classmethod
    def parse(cls, raw: dict[str, Any], path: Path, sampling: Sampling = DRAWN) -> Config:
        known = _renamed(raw, path)
        parts: dict[str, Any] = {
            "backbone": llama.read(known, path).shape,
            "decoder": llama.read(known["depth_decoder_config"], path).shape,
            "quantization": Quantization.parse(raw, str(path)),
            "sampling": sampling,
        }
        config = configure(cls, known | parts, path)
        audible = 0 < config.audible_codes <= config.codebook_size
        if not (config.voices and audible and config.num_codebooks > 1):
            raise ModelError(f"{path}: not a CSM model")
        return config

    @property
    def frame_codes(self) -> int:
        return self.num_codebooks

    @property
    def longest(self) -> int:
        """Frames of a segment at most, so that its text has room before them."""
        return self.backbone.max_position_embeddings // 2

    def frame_limit(self, letters: int) -> int:
        return min(round(patience(letters) * self.frame_rate), self.longest)


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
    return FLAVORS[flavor] | {"rope_scaling": LLAMA_3, "max_position_embeddings": 2048}
