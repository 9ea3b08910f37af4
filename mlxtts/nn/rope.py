"""Rotary position embedding (Su et al., 2021), with Llama 3's stretching of long wavelengths."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from mlxtts.nn import mx, on_cpu


@dataclass(frozen=True)
class Llama3Scaling:
    """`factor` times longer wavelengths where they exceed the original context."""

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_max_position_embeddings: int

    def __call__(self, frequency: float) -> float:
        cycles = self.original_max_position_embeddings * frequency / (2 * math.pi)
        if cycles < self.low_freq_factor:
            return frequency / self.factor
        if cycles > self.high_freq_factor:
            return frequency
        span = self.high_freq_factor - self.low_freq_factor
        smooth = (cycles - self.low_freq_factor) / span
        return (1 - smooth) * frequency / self.factor + smooth * frequency


Rotate = Callable[[mx.array], mx.array]


class Rope:
    """Rotates the halves of each head against each other (the layout of Hugging Face's Llama)."""

    def __init__(
        self, head_dim: int, base: float, positions: int, scaling: Llama3Scaling | None = None
    ) -> None:
        frequencies = [base ** (-n / head_dim) for n in range(0, head_dim, 2)]
        if scaling:
            frequencies = [scaling(frequency) for frequency in frequencies]
        self._wavelengths = mx.array([1 / frequency for frequency in frequencies])
        self._head_dim = head_dim
        if on_cpu():
            angles = mx.arange(positions)[:, None] * mx.array(frequencies)
            self._cos = mx.cos(angles)
            self._sin = mx.sin(angles)

    def at(self, offset: int, count: int) -> Rotate:
        """What turns (B, heads, count, head_dim), the first at position `offset`."""
        if not on_cpu():
            return partial(
                mx.fast.rope,
                dims=self._head_dim,
                traditional=False,
                base=None,
                scale=1.0,
                offset=offset,
                freqs=self._wavelengths,
            )
        positions = slice(offset, offset + count)
        return partial(_rotate, cos=self._cos[positions], sin=self._sin[positions])


def _rotate(x: mx.array, cos: mx.array, sin: mx.array) -> mx.array:
    a, b = mx.split(x, 2, axis=-1)
    return mx.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)
