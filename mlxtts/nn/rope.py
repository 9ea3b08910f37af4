"""Rotary position embedding (Su et al., 2021), with Llama 3's stretching of long wavelengths."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

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


BLOCK = 256  # turns are made for so many positions at once

Rotate = Callable[[mx.array], mx.array]


class Rope:
    """Turns the pairs of neighbouring numbers in queries and keys.

    Hugging Face's Llama pairs the two halves of a head instead: `interleave` puts the rows of its
    matrices into this order, in which a pair is a complex number and a turn one multiplication.
    """

    def __init__(
        self,
        head_dim: int,
        heads: int,
        kv_heads: int,
        base: float,
        scaling: Llama3Scaling | None = None,
    ) -> None:
        frequencies = [base ** (-n / head_dim) for n in range(0, head_dim, 2)]
        if scaling:
            frequencies = [scaling(frequency) for frequency in frequencies]
        self._head_dim = head_dim
        self._turned = heads + kv_heads
        self.rates = mx.array(frequencies)
        """Radians a position of each pair."""
        self._wavelengths = mx.array([1 / frequency for frequency in frequencies])
        self._rates = mx.array(frequencies * self._turned + [0.0] * (len(frequencies) * kv_heads))
        self._block = -1
        self._turns: mx.array

    def at(self, offset: int | mx.array, count: int) -> Rotate:
        """What takes (B, count, (heads + 2 kv_heads) * head_dim), queries, keys and values of the
        positions from `offset` on, or from each row's own, (B,), to heads, (B, heads +
        2 kv_heads, count, head_dim), and turns all but the values."""
        if not on_cpu():
            return lambda x: self._kernel(x, offset)
        turns = self._table(offset, count)
        return lambda x: self._heads((x.view(mx.complex64) * turns).view(mx.float32))

    def _heads(self, x: mx.array) -> mx.array:
        batch, time, _ = x.shape
        if time == 1:
            return x.reshape(batch, -1, 1, self._head_dim)
        return x.reshape(batch, time, -1, self._head_dim).swapaxes(1, 2)

    def _kernel(self, x: mx.array, offset: int | mx.array) -> mx.array:
        turned, values = mx.split(self._heads(x), [self._turned], axis=1)
        turned = mx.fast.rope(
            turned,
            dims=self._head_dim,
            traditional=True,
            base=None,
            scale=1.0,
            offset=offset,
            freqs=self._wavelengths,
        )
        return mx.concatenate([turned, values], axis=1)

    def _table(self, offset: int | mx.array, count: int) -> mx.array:
        """Turns, (count, R) or (B, count, R); a block of them is kept for single positions."""
        if isinstance(offset, mx.array):
            return self._turns_at(offset[:, None] + mx.arange(count))
        if count > 1:
            return self._turns_at(mx.arange(offset, offset + count))
        block, row = divmod(offset, BLOCK)
        if block != self._block:
            positions = mx.arange(block * BLOCK, (block + 1) * BLOCK)
            self._block, self._turns = block, self._turns_at(positions)
        return self._turns[row]

    def _turns_at(self, positions: mx.array) -> mx.array:
        angles = positions[..., None] * self._rates
        return mx.cos(angles) + 1j * mx.sin(angles)


def interleave(rows: mx.array, head_dim: int) -> mx.array:
    """The rows (or a bias) of q_proj or k_proj from Hugging Face's order."""
    pairs = rows.reshape(-1, 2, head_dim // 2, *rows.shape[1:])
    return pairs.swapaxes(1, 2).reshape(rows.shape)


def deinterleave(rows: mx.array, head_dim: int) -> mx.array:
    """What `interleave` was given."""
    pairs = rows.reshape(-1, head_dim // 2, 2, *rows.shape[1:])
    return pairs.swapaxes(1, 2).reshape(rows.shape)
