"""What a Kokoro checkpoint's config.json says (github.com/hexgrad/kokoro; the network is that of
StyleTTS 2, arXiv:2306.07691, with the iSTFTNet decoder, arXiv:2203.02395)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlxtts.errors import ModelError
from mlxtts.nn.loading import configure, read_json
from mlxtts.nn.quantization import Quantization

SAMPLE_RATE = 24_000


@dataclass(frozen=True)
class Bert:
    """The ALBERT that reads the phonemes. Fields without a place in config.json have the defaults
    of transformers' AlbertConfig, which the reference builds it with."""

    hidden_size: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    num_hidden_layers: int
    embedding_size: int = 128
    type_vocab_size: int = 2
    layer_norm_eps: float = 1e-12


@dataclass(frozen=True)
class Generator:
    """The decoder's last part. Kernels of the upsampling are twice its rates."""

    upsample_rates: tuple[int, ...]
    upsample_kernel_sizes: tuple[int, ...]
    upsample_initial_channel: int
    resblock_kernel_sizes: tuple[int, ...]
    gen_istft_n_fft: int
    gen_istft_hop_size: int


@dataclass(frozen=True)
class Config:
    """decoder_dim is mlxtts's own, with the published model's value as default.
    vocab: the number of each phoneme, which is one symbol.
    dilations: istftnet's resblock_dilation_sizes.
    """

    n_token: int
    hidden_dim: int
    style_dim: int
    n_layer: int
    max_dur: int
    text_encoder_kernel_size: int
    plbert: Bert
    istftnet: Generator
    dilations: tuple[tuple[int, ...], ...]
    vocab: dict  # type: ignore[type-arg] # of a symbol to its number
    quantization: Quantization
    decoder_dim: int = 1024
    model_type: str = "kokoro"

    @classmethod
    def read(cls, path: Path) -> Config:
        """From a config.json. Raises ModelError for a variant that is not implemented."""
        return cls.parse(read_json(path), path)

    @classmethod
    def parse(cls, raw: dict[str, Any], path: Path) -> Config:
        bert, generator = _object(raw, "plbert", path), _object(raw, "istftnet", path)
        parts = {
            "plbert": configure(Bert, bert, path),
            "istftnet": configure(Generator, generator, path),
            "dilations": _dilations(generator.get("resblock_dilation_sizes"), path),
            "quantization": Quantization.parse(raw, str(path)),
        }
        config = configure(cls, raw | parts, path)
        config._check(path)
        return config

    def _check(self, path: Path) -> None:
        g = self.istftnet
        rates = zip(g.upsample_rates, g.upsample_kernel_sizes, strict=False)
        fits = (
            len(g.upsample_rates) == len(g.upsample_kernel_sizes) > 0
            and all(kernel == 2 * rate and rate % 2 == 0 for rate, kernel in rates)
            and len(self.dilations) == len(g.resblock_kernel_sizes)
            and g.gen_istft_n_fft == 4 * g.gen_istft_hop_size
        )
        if not fits:
            raise ModelError(f"{path}: istftnet: a variant of Kokoro that is not implemented")
        known = self.vocab.items()
        if not all(len(c) == 1 and type(n) is int and 0 < n < self.n_token for c, n in known):
            raise ModelError(f"{path}: vocab: single symbols with numbers 1 to {self.n_token - 1}")

    @property
    def longest(self) -> int:
        """The most phonemes of a segment: the positions that BERT knows, but for both ends."""
        return self.plbert.max_position_embeddings - 2

    @property
    def hop(self) -> int:
        """Samples of a value of the pitch, of which a duration frame has two."""
        return math.prod(self.istftnet.upsample_rates) * self.istftnet.gen_istft_hop_size


def _object(raw: dict[str, Any], key: str, path: Path) -> dict[str, Any]:
    value = raw.get(key)
    if not isinstance(value, dict):
        raise ModelError(f"{path}: {key} must be an object")
    return value


def _dilations(value: object, path: Path) -> tuple[tuple[int, ...], ...]:
    """Lists of positive numbers, of one length."""
    if isinstance(value, list) and value and all(isinstance(inner, list) for inner in value):
        flat = [n for inner in value for n in inner]
        if len({len(inner) for inner in value}) == 1 and all(
            type(n) is int and n > 0 for n in flat
        ):
            return tuple(tuple(inner) for inner in value)
    raise ModelError(f"{path}: resblock_dilation_sizes cannot be {value!r}")
