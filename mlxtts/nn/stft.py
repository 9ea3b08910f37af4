"""Short-time Fourier transforms with a periodic Hann window of four hops, by matrix products: for
the short windows of vocoders. As torch.stft and torch.istft with `center`."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from mlxtts.nn import mx, on_cuda
from mlxtts.nn.cuda import vocoder
from mlxtts.nn.ragged import Ragged
from mlxtts.nn.stretches import elementwise


class STFT:
    def __init__(self, size: int) -> None:
        self.size, self.hop = size, size // 4
        self.bins = size // 2 + 1

    @cached_property
    def _window(self) -> np.ndarray:
        return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.size) / self.size)

    @cached_property
    def _angles(self) -> np.ndarray:
        """(size, bins)."""
        return (
            2
            * np.pi
            * (np.outer(np.arange(self.size), np.arange(self.bins)) % self.size)
            / self.size
        )

    @cached_property
    def _forward(self) -> mx.array:
        """(size, 2 * bins): real parts, then imaginary ones, those of the first and the last bin
        exactly zero."""
        sine = -np.sin(self._angles)
        sine[:, [0, -1]] = 0
        both = np.concatenate([np.cos(self._angles), sine], axis=1)
        return mx.array((self._window[:, None] * both).astype(np.float32))

    @cached_property
    def _inverse(self) -> mx.array:
        """(2 * bins, size). Bins between the first and the last stand for two."""
        twice = np.full(self.bins, 2.0)
        twice[[0, -1]] = 1
        sine = -np.sin(self._angles) * twice
        sine[:, [0, -1]] = 0
        both = np.concatenate([np.cos(self._angles) * twice, sine], axis=1)
        return mx.array((self._window * both.T / self.size).astype(np.float32))

    @cached_property
    def _power(self) -> mx.array:
        return mx.array((self._window**2).astype(np.float32))

    def transform(self, x: mx.array, rows: Ragged) -> tuple[mx.array, mx.array]:
        """(B, T) to magnitude and phase, (B, T / hop + 1, bins). Beyond its ends a row goes on
        mirrored."""
        batch, time = x.shape
        half = self.size // 2
        ends = rows.counts[:, None] - 1
        places = mx.abs(mx.arange(-half, time + half))[None]
        places = mx.clip(ends - mx.abs(ends - places), 0, time - 1)
        around = mx.take_along_axis(x, mx.broadcast_to(places, (batch, time + 2 * half)), axis=1)
        strides = (time + 2 * half, self.hop, 1)
        frames = mx.as_strided(around, (batch, time // self.hop + 1, self.size), strides)
        real, imaginary = mx.split(frames @ self._forward, 2, axis=-1)
        return mx.sqrt(real * real + imaginary * imaginary), elementwise("arctan2", imaginary, real)

    def polar(self, x: mx.array, rows: Ragged) -> mx.array:
        """(B, T) to magnitudes beside phases, (B, T / hop + 1, 2 * bins), zero beyond a row's
        frames."""
        if on_cuda():
            return vocoder.spectrum(x, self._forward, rows.counts)
        frames = Ragged([n // self.hop + 1 for n in rows.lengths], rows.time // self.hop + 1)
        return frames.clear(mx.concatenate([*self.transform(x, rows)], axis=-1))

    def sound(self, x: mx.array, rows: Ragged) -> mx.array:
        """Logarithms of magnitudes beside arc sines of phases, (B, F, 2 * bins), to samples,
        (B, (F - 1) * hop). `rows`: those of the frames."""
        if on_cuda():
            frames = vocoder.cartesian(x) @ self._inverse
            return vocoder.overlap_add(frames, self._power, rows.counts)
        magnitude, phase = mx.split(x, 2, axis=-1)
        return self.inverse(elementwise("exp", magnitude), elementwise("sin", phase), rows)

    def inverse(self, magnitude: mx.array, phase: mx.array, rows: Ragged) -> mx.array:
        """(B, F, bins) to (B, (F - 1) * hop). `rows`: those of the frames."""
        magnitude = rows.clear(magnitude)
        parts = [magnitude * elementwise(name, phase) for name in ("cos", "sin")]
        frames = mx.concatenate(parts, axis=-1) @ self._inverse
        own = mx.ones((1, rows.time, 1)) if rows.even else rows.own.astype(mx.float32)
        total, power = self._add(frames), self._add(own * self._power)
        half = self.size // 2
        return (total / mx.maximum(power, 1e-11))[:, half:-half]

    def _add(self, frames: mx.array) -> mx.array:
        """Frames laid over each other, a hop apart: (B, F, size) to (B, (F - 1) * hop + size)."""
        batch, count, _ = frames.shape
        parts = frames.reshape(batch, count, 4, self.hop)
        laid = [mx.pad(parts[:, :, n], [(0, 0), (n, 3 - n), (0, 0)]) for n in range(4)]
        return (laid[0] + laid[1] + laid[2] + laid[3]).reshape(batch, -1)
