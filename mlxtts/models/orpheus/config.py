"""What an Orpheus checkpoint's config.json and generation_config.json say.

The fields up to `tie_word_embeddings` are Llama's; the others are mlxtts's own, with the published
model's values as defaults, so that a checkpoint of another size or voice states them in its
config.json. Token ids: github.com/canopyai/Orpheus-TTS and its tokenizer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlxtts.errors import ModelError
from mlxtts.models import Plain
from mlxtts.nn.loading import configure, read_json
from mlxtts.nn.quantization import Quantization
from mlxtts.nn.rope import Llama3Scaling, scaling
from mlxtts.nn.sampling import Sampling
from mlxtts.nn.transformer import Shape

SLOTS = 7
LEAST_SECONDS = 3.0
SECONDS_A_LETTER = 0.25  # some four times what a letter takes


@dataclass(frozen=True)
class Generation:
    """generation_config.json; the defaults are those of Orpheus's own package."""

    temperature: float = 0.6
    top_k: int = 0
    top_p: float = 0.8
    min_p: float = 0.0
    repetition_penalty: float = 1.3
    max_new_tokens: int = 1200


@dataclass(frozen=True)
class Config(Plain):
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    vocab_size: int
    rms_norm_eps: float = 1e-5
    rope_theta: float = 500_000.0
    head_dim: int | None = None
    max_position_embeddings: int = 131_072
    hidden_act: str = "silu"
    attention_bias: bool = False
    mlp_bias: bool = False
    tie_word_embeddings: bool = True

    audio_token_offset: int = 128_266
    codebook_size: int = 4096
    end_of_speech_token_id: int = 128_258
    prompt_prefix: tuple[int, ...] = (128_259,)
    prompt_suffix: tuple[int, ...] = (128_009, 128_260, 128_261, 128_257)
    voices: tuple[str, ...] = ("tara", "leah", "jess", "leo", "dan", "mia", "zac", "zoe")
    languages: tuple[str, ...] = ("en",)
    tags: tuple[str, ...] = (
        "laugh", "chuckle", "sigh", "cough", "sniffle", "groan", "yawn", "gasp",
    )  # fmt: skip
    spoken_form: bool = False
    segment_length: int = 160
    segment_pause: float = 0.0
    sample_rate: int = 24_000
    frame_rate: float = 24_000 / 2048
    codec: str = "snac"
    codec_path: str = "mlx-community/snac_24khz"

    rope_scaling: Llama3Scaling | None = None
    quantization: Quantization = field(default_factory=Quantization)
    generation: Generation = Generation()

    @classmethod
    def read(cls, folder: Path) -> Config:
        """Raises ModelError for a variant that is not implemented."""
        path = folder / "generation_config.json"
        raw = read_json(path) if path.is_file() else {}
        if raw.get("_from_model_config"):  # what was left of the language model that it grew from
            raw = {}
        generation = configure(Generation, raw, path)
        path = folder / "config.json"
        return cls.parse(read_json(path), path, generation)

    @classmethod
    def parse(cls, raw: dict[str, Any], path: Path, generation: Generation) -> Config:
        rope = raw.get("rope_scaling") or raw.get("rope_parameters") or {}
        if not isinstance(rope, dict):
            raise ModelError(f"{path}: rope_scaling cannot be {rope!r}")
        theta = {"rope_theta": rope["rope_theta"]} if "rope_theta" in rope else {}
        parts = {
            "rope_scaling": scaling(rope, path),
            "quantization": Quantization.parse(raw, str(path)),
            "generation": generation,
        }
        config = configure(cls, theta | raw | parts, path)
        config._check(path)
        return config

    def _check(self, path: Path) -> None:
        if self.hidden_act != "silu" or self.attention_bias or self.mlp_bias:
            raise ModelError(f"{path}: a Llama with biases or another activation than SiLU")
        codes = self.audio_token_offset + SLOTS * self.codebook_size
        if codes > self.vocab_size or self.end_of_speech_token_id >= self.vocab_size:
            raise ModelError(
                f"{path}: a vocabulary of {self.vocab_size} has no room for the {codes} text and "
                "audio tokens: not an Orpheus model"
            )
        if not self.voices:
            raise ModelError(f"{path}: no voices")

    @property
    def shape(self) -> Shape:
        return Shape(
            hidden_size=self.hidden_size,
            num_hidden_layers=self.num_hidden_layers,
            intermediate_size=self.intermediate_size,
            num_attention_heads=self.num_attention_heads,
            num_key_value_heads=self.num_key_value_heads,
            head_dim=self.head_dim or self.hidden_size // self.num_attention_heads,
            vocab_size=self.vocab_size,
            rms_norm_eps=self.rms_norm_eps,
            rope_theta=self.rope_theta,
            rope_scaling=self.rope_scaling,
            max_position_embeddings=self.max_position_embeddings,
        )

    @property
    def sampling(self) -> Sampling:
        g = self.generation
        return Sampling(g.temperature, g.top_k, g.top_p, g.min_p, g.repetition_penalty)

    @property
    def frame_codes(self) -> int:
        return SLOTS

    def frame_limit(self, letters: int) -> int:
        seconds = LEAST_SECONDS + SECONDS_A_LETTER * letters
        return min(round(seconds * self.frame_rate), self.generation.max_new_tokens // SLOTS)
