"""Rows of different lengths in one array, (B, T, C): which steps are a row's own.

What a row does not own is arbitrary until it is cleared; alone, or among rows of one length, a row
owns everything, and nothing is spent on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from mlxtts.nn import mx, on_cpu

EPSILON = 1e-5


def rounded(number: int, least: int = 1) -> int:
    """On a GPU, where MLX makes plans for each shape, the next number of few: four between a power
    of two and the next, multiples of `least`, which is a power of two. Elsewhere the number."""
    if on_cpu():
        return number
    step = max(least, 1 << number.bit_length() >> 3)
    return -(-number // step) * step


class Ragged:
    def __init__(self, lengths: Sequence[int], time: int | None = None) -> None:
        self.lengths = tuple(lengths)
        self.time = max(lengths) if time is None else time
        """T; longer than all rows where shapes are rounded up."""
        self.even = min(lengths) == self.time
        self.counts = mx.array(self.lengths)
        """(B,), int32."""
        self._scaled: dict[tuple[int, int], Ragged] = {}

    @cached_property
    def own(self) -> mx.array:
        """(B, T, 1), True for a row's own steps."""
        return (mx.arange(self.time) < self.counts[:, None])[..., None]

    def scaled(self, factor: int, more: int = 0) -> Ragged:
        """The same rows at another rate, each with `more` steps at its end."""
        if (factor, more) not in self._scaled:
            lengths = [length * factor + more for length in self.lengths]
            self._scaled[factor, more] = Ragged(lengths, self.time * factor + more)
        return self._scaled[factor, more]

    def clear(self, x: mx.array) -> mx.array:
        """Zero where a row owns nothing."""
        return x if self.even else mx.where(self.own, x, 0.0)

    def reverse(self, x: mx.array) -> mx.array:
        """Each row backwards."""
        if self.even:
            return x[:, ::-1]
        steps, counts = mx.arange(self.time), self.counts[:, None]
        order = mx.where(steps < counts, counts - 1 - steps, steps)
        return mx.take_along_axis(x, order[..., None], axis=1)

    def normalise(self, x: mx.array, scale: mx.array, shift: mx.array) -> mx.array:
        """Each channel of a row to mean 0 and variance 1, then times `scale` plus `shift`, both
        (B, 1, C). Clears the rest."""
        if self.even:
            mean = mx.mean(x, axis=1, keepdims=True)
            gain = scale * mx.rsqrt(mx.var(x, axis=1, keepdims=True) + EPSILON)
            return x * gain + (shift - mean * gain)
        counts = self.counts[:, None, None]
        x = self.clear(x)
        mean = mx.sum(x, axis=1, keepdims=True) / counts
        around = self.clear(x - mean)
        variance = mx.sum(around * around, axis=1, keepdims=True) / counts
        return self.clear(around * (scale * mx.rsqrt(variance + EPSILON)) + shift)
