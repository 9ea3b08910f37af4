"""What a Mimi checkpoint's config.json says (Défossez et al., 2024, arXiv:2410.00037), with the
names that transformers has for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from mlxtts.errors import ModelError
from mlxtts.nn.loading import configure, read_json
from mlxtts.nn.windowed import Shape


@dataclass(frozen=True)
class Config:
    """The defaults are the published model's. A latent is `hop_length` samples; a frame is `stride`
    latents."""

    sampling_rate: int = 24_000
    audio_channels: int = 1
    hidden_size: int = 512
    num_filters: int = 64
    num_residual_layers: int = 1
    upsampling_ratios: tuple[int, ...] = (8, 6, 5, 4)
    kernel_size: int = 7
    last_kernel_size: int = 3
    residual_kernel_size: int = 3
    dilation_growth_rate: int = 2
    compress: int = 2
    use_causal_conv: bool = True
    pad_mode: str = "constant"
    trim_right_ratio: float = 1.0
    use_conv_shortcut: bool = False
    codebook_size: int = 2048
    vector_quantization_hidden_dimension: int = 256
    num_quantizers: int = 32
    num_semantic_quantizers: int = 1
    upsample_groups: int = 512
    frame_rate: float | None = None
    num_hidden_layers: int = 8
    intermediate_size: int = 2048
    num_attention_heads: int = 8
    num_key_value_heads: int = 8
    head_dim: int | None = None
    hidden_act: str = "gelu"
    norm_eps: float = 1e-5
    rope_theta: float = 10_000.0
    sliding_window: int = 250
    attention_bias: bool = False

    @classmethod
    def read(cls, path: Path) -> Config:
        """From a config.json. Raises ModelError for a variant that is not implemented."""
        raw = read_json(path)
        rope = raw.get("rope_parameters") or raw.get("rope_scaling") or {}
        kind = rope.get("rope_type", "default") if isinstance(rope, dict) else rope
        if kind != "default":
            raise ModelError(f"{path}: rotary positions of the kind {kind!r} are not implemented")
        config = configure(cls, {"rope_theta": rope.get("rope_theta", 10_000.0)} | raw, path)
        config._check(path)
        return config

    def _check(self, path: Path) -> None:
        published = Config()
        for name in (
            *("audio_channels", "use_causal_conv", "pad_mode", "trim_right_ratio", "hidden_act"),
            *("use_conv_shortcut", "attention_bias"),
        ):
            value = getattr(self, name)
            if value != getattr(published, name):
                raise ModelError(f"{path}: {name} {value!r} is not implemented")
        if not self._consistent():
            raise ModelError(f"{path}: not a Mimi configuration")

    def _consistent(self) -> bool:
        least = min(
            *self.upsampling_ratios,
            *(self.hidden_size, self.num_filters, self.compress, self.dilation_growth_rate),
            *(self.kernel_size, self.last_kernel_size, self.residual_kernel_size),
            *(self.num_hidden_layers, self.num_attention_heads, self.num_key_value_heads),
            *(self.intermediate_size, self.codebook_size, self.sliding_window),
            *(self.vector_quantization_hidden_dimension, self.num_semantic_quantizers),
        )
        return (
            least >= 1
            and bool(self.upsampling_ratios)
            and self.num_residual_layers >= 0
            and self.num_semantic_quantizers < self.num_quantizers
            and self.vector_quantization_hidden_dimension != self.hidden_size
            and self.upsample_groups == self.hidden_size
            and self.num_attention_heads % self.num_key_value_heads == 0
            and self.shape.head_dim % 2 == 0
            and self.stride >= 2
        )

    @property
    def hop_length(self) -> int:
        return math.prod(self.upsampling_ratios)

    @property
    def stride(self) -> int:
        if not self.frame_rate:
            return 2
        return int(math.ceil(self.sampling_rate / self.hop_length) / self.frame_rate)

    @property
    def frame_samples(self) -> int:
        return self.hop_length * self.stride

    @property
    def shape(self) -> Shape:
        """Of both transformers."""
        return Shape(
            hidden_size=self.hidden_size,
            num_hidden_layers=self.num_hidden_layers,
            intermediate_size=self.intermediate_size,
            num_attention_heads=self.num_attention_heads,
            num_key_value_heads=self.num_key_value_heads,
            head_dim=self.head_dim or self.hidden_size // self.num_attention_heads,
            norm_eps=self.norm_eps,
            rope_theta=self.rope_theta,
            window=self.sliding_window,
        )
