"""The snake activation, x + sin^2(a x) / a."""

from __future__ import annotations

import math

import numpy as np

from mlxtts.nn import Module, mx, on_cpu
from mlxtts.nn.stretches import memory, stretches

# sin^2(pi r) on |r| <= 1/2 as r^2 (c1 + r^2 (c2 + ...)), minimax: within 7e-7 in float32.
_SIN2 = (9.86952481, -32.46513945, 42.64342416, -29.42626851, 10.58129059)


class Snake(Module):
    """One `alpha` a channel, the last axis."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = mx.ones((channels,))
        self._derived: tuple[mx.array, mx.array] | None = None

    def __call__(self, x: mx.array) -> mx.array:
        if not on_cpu():
            return _fused(x, self.alpha)
        if self._derived is None:  # weights are loaded before anything is computed
            self._derived = self.alpha / math.pi, 1 / (self.alpha + 1e-9)
        turns, scale = self._derived
        return x + scale * _sin2(x * turns)

    def by_numpy(self, x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """The snake of (..., C), written to `out`, which may be `x`, if there is one."""
        return _of_numpy(x, *self._numbers(), out)

    def scaled(self, x: np.ndarray, gain: np.ndarray, shift: np.ndarray, out: np.ndarray) -> None:
        """Write the snake of `gain` * `x` + `shift`, both of numbers a channel, all (T, C) of
        float32, to `out`."""
        alpha, scale = self._numbers()
        for part in stretches(*x.shape):
            y = x[part] * gain
            y += shift
            _of_numpy(y, alpha, scale, out[part])

    def _numbers(self) -> tuple[np.ndarray, np.ndarray]:
        """What the angle and what the wave is multiplied by."""
        alpha = memory(self.alpha)
        return alpha, 1 / (alpha + np.float32(1e-9))


def _of_numpy(
    x: np.ndarray, alpha: np.ndarray, scale: np.ndarray, out: np.ndarray | None
) -> np.ndarray:
    wave = x * alpha
    np.sin(wave, out=wave)
    wave *= wave
    wave *= scale
    y: np.ndarray = np.add(x, wave, out=wave if out is None else out)
    return y


@mx.compile
def _fused(x: mx.array, alpha: mx.array) -> mx.array:
    return x + mx.square(mx.sin(x * alpha)) / (alpha + 1e-9)


def _sin2(turns: mx.array) -> mx.array:
    """sin^2(pi * turns). MLX has no vector sine for a CPU; this takes a third of its time."""
    turns = turns - mx.round(turns)
    square = turns * turns
    y = square * _SIN2[-1]
    for c in _SIN2[-2::-1]:
        y = (y + c) * square
    return y
