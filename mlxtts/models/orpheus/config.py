"""What an Orpheus checkpoint's config.json and generation_config.json say.

Beside those of a Llama the fields are mlxtts's own, with the published model's values as defaults,
so that a checkpoint of another size or voice states them in its config.json. Token ids:
github.com/canopyai/Orpheus-TTS and its tokenizer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlxtts.errors import ModelError
from mlxtts.models import Plain, patience
from mlxtts.models.llama import Llama, rotary
from mlxtts.nn.loading import configure, read_json
from mlxtts.nn.quantization import Quantization
from mlxtts.nn.sampling import Sampling

SLOTS = 7


@dataclass(frozen=True)
class Generation:
    """generation_config.json; the defaults are those of Orpheus's own package."""

    temperature: float = 0.6
    top_k: int = 0
    top_p: float = 0.8
    min_p: float = 0.0
    repetition_penalty: float = 1.3
    max_new_tokens: int = 1200


@dataclass(frozen=True, kw_only=True)
class Config(Llama, Plain):
    vocab_size: int
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
    emphasis: bool = False
    segment_length: int = 160
    segment_pause: float = 0.0
    sample_rate: int = 24_000
    frame_rate: float = 24_000 / 2048
    codec: str = "snac"
    codec_path: str = "mlx-community/snac_24khz"

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
        parts = {
            "quantization": Quantization.parse(raw, str(path)),
            "generation": generation,
        }
        config = configure(cls, rotary(raw, path) | parts, path)
        config.check(path)
        config._check(path)
        return config

    def _check(self, path: Path) -> None:
        codes = self.audio_token_offset + SLOTS * self.codebook_size
        if codes > self.vocab_size or self.end_of_speech_token_id >= self.vocab_size:
            raise ModelError(
                f"{path}: a vocabulary of {self.vocab_size} has no room for the {codes} text and "
                "audio tokens: not an Orpheus model"
            )
        if not self.voices:
            raise ModelError(f"{path}: no voices")

    @property
    def sampling(self) -> Sampling:
        g = self.generation
        return Sampling(g.temperature, g.top_k, g.top_p, g.min_p, g.repetition_penalty)

    @property
    def frame_codes(self) -> int:
        return SLOTS

    def frame_limit(self, letters: int) -> int:
        return min(
            round(patience(letters) * self.frame_rate), self.generation.max_new_tokens // SLOTS
        )
