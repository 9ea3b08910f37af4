"""What a SNAC checkpoint's config.json says (Siuzdak et al., 2024, arXiv:2410.14411)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from mlxtts.errors import ModelError
from mlxtts.nn.loading import configure, read_json


@dataclass(frozen=True)
class Config:
    """The defaults are the published 24 kHz model's. `vq_strides` are in latents, coarsest level
    first; a latent is `hop_length` samples."""

    sampling_rate: int = 24_000
    encoder_dim: int = 48
    encoder_rates: tuple[int, ...] = (2, 4, 8, 8)
    latent_dim: int | None = None
    decoder_dim: int = 1024
    decoder_rates: tuple[int, ...] = (8, 8, 4, 2)
    attn_window_size: int | None = None
    codebook_size: int = 4096
    codebook_dim: int = 8
    vq_strides: tuple[int, ...] = (4, 2, 1)
    noise: bool = True
    depthwise: bool = True

    @classmethod
    def read(cls, path: Path) -> Config:
        """From a config.json. Raises ModelError for a variant that is not implemented."""
        config = configure(cls, read_json(path), path)
        config._check(path)
        return config

    def _check(self, path: Path) -> None:
        if self.attn_window_size is not None or not (self.depthwise and self.noise):
            raise ModelError(
                f"{path}: only SNAC's 24 kHz architecture is implemented: depthwise convolutions, "
                "noise, no attention"
            )
        sizes = (*self.decoder_rates, *self.vq_strides, self.decoder_dim, self.codebook_size)
        nested = all(a % b == 0 for a, b in pairwise(self.vq_strides))
        if min(*sizes, self.codebook_dim, self.latents) < 1 or not (nested and self.vq_strides):
            raise ModelError(f"{path}: not a SNAC configuration")

    @property
    def latents(self) -> int:
        """Channels of the quantised signal."""
        return self.latent_dim or self.encoder_dim * 2 ** len(self.encoder_rates)

    @property
    def hop_length(self) -> int:
        """Samples of one latent."""
        return math.prod(self.decoder_rates)

    @property
    def frame_latents(self) -> int:
        """Latents of one frame, the stretch of one code of the coarsest level."""
        return self.vq_strides[0]

    @property
    def frame_samples(self) -> int:
        return self.frame_latents * self.hop_length

    @property
    def layout(self) -> list[int]:
        """The level of each code of a frame, in the order in which Orpheus says them: each code of
        a level is followed by the codes of the finer levels within its stretch of time."""

        def walk(level: int) -> list[int]:
            if level == len(self.vq_strides):
                return []
            finer = walk(level + 1)
            count = self.vq_strides[level] // self.vq_strides[level + 1] if finer else 0
            return [level, *finer * count]

        return walk(0)
