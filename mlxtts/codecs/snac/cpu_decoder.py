"""The decoder's layers on a CPU, by numpy.

Each of the 45 operations of a residual unit would be a pass of MLX's through memory. Here they are
made where their numbers are already, a stretch of time that fits the cache after another, and
products are added by the BLAS to what is there. Arrays are numpy's, of float32,
(batch, time, channels).
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import numpy as np

from mlxtts.codecs.snac.flow import Course, State
from mlxtts.nn import mx
from mlxtts.nn.conv import Convolution
from mlxtts.nn.products import adder
from mlxtts.nn.stretches import memory, stretches
from mlxtts.nn.threads import alone

if TYPE_CHECKING:
    from mlxtts.codecs.snac.decoder import Block, Decoder, Noise, ResidualUnit

LITTLE = 1 << 29
"""Multiplications of one call that one thread does in some ten milliseconds. What more threads win
then, the next program in a pipeline loses while they wait for each other."""


class Flow(Course[np.ndarray]):
    """Of numpy's arrays."""

    def extend(self, x: np.ndarray, by: int) -> np.ndarray:
        batch, time, channels = x.shape
        joined = np.empty((batch, by + time, channels), np.float32)
        carry = next(self._carries, None)
        joined[:, :by] = 0 if carry is None else memory(carry)
        joined[:, by:] = x
        for row, position in zip(joined, self._positions, strict=True):
            row[by : by + max(0, -position * self.rate - self.start)] = 0
        if self.ended:
            joined[:, by + max(0, -self.start) :] = 0
        self.carries.append(mx.array(joined[:, -by:]))
        return joined


def decode(
    decoder: Decoder, z: mx.array, state: State, ended: bool
) -> tuple[mx.array | None, Flow]:
    """The samples that are settled by the next latents, (B, n), None if there are none; and the
    flow that they came along."""
    along = Flow(state, ended)
    batch, time, _ = z.shape
    with alone() if batch * time * decoder.work <= LITTLE else nullcontext():
        samples = _layers(decoder, memory(z), along, state.keys)
    return None if samples is None else mx.array(samples), along


def _layers(
    decoder: Decoder, z: np.ndarray, along: Flow, keys: mx.array | None
) -> np.ndarray | None:
    wide, across, *blocks, activation, last = decoder.model
    window = along.window(z, len(wide.weight) // 2)
    if window is None:
        return None
    x = _pointwise(_depthwise(window, wide, 1), across)
    for block in blocks:
        y = _block(block, x, along, keys)
        if y is None:
            return None
        x = y
    taps = last.weight.shape[1]
    window = along.window(activation.by_numpy(x), taps // 2)
    return None if window is None else np.tanh(_collapse(window, last, taps))


def _block(block: Block, x: np.ndarray, along: Flow, keys: mx.array | None) -> np.ndarray | None:
    activation, up, noise, *units = block.block
    x = along.extend(activation.by_numpy(x), 1)
    early = along.rise(block.rate)
    time = (x.shape[1] - 1) * block.rate - early
    if time <= 0:
        return None
    numbers = None if keys is None else noise.numbers(along, keys, time)
    mx.async_eval(numbers)  # which MLX does meanwhile
    y = _transposed(x, up)[:, early:]
    if numbers is not None:
        y = _noisy(noise, y, memory(numbers))
    for unit in units:
        window = along.window(y, unit.reach)
        if window is None:
            return None
        y = _residual(unit, window)
    return y


def _residual(unit: ResidualUnit, window: np.ndarray) -> np.ndarray:
    before, wide, between, across = unit.block
    reach, add, matrix = unit.reach, adder(), memory(across.weight)
    y: np.ndarray = window[:, reach:-reach] + memory(across.bias)
    for row, total in zip(window, y, strict=True):
        for part in stretches(*total.shape):
            inner = before.by_numpy(row[part.start : part.stop + 2 * reach])
            inner = _depthwise(inner, wide, unit.dilation)
            add(between.by_numpy(inner, inner), matrix, total[part])
    return y


def _depthwise(x: np.ndarray, wide: Convolution, dilation: int) -> np.ndarray:
    """(..., T, C) to (..., T - (K - 1) * dilation, C)."""
    taps = memory(wide.weight)
    length = x.shape[-2] - (len(taps) - 1) * dilation
    y: np.ndarray = x[..., :length, :] * taps[0]
    y += memory(wide.bias)
    more = np.empty_like(y)
    for k, tap in enumerate(taps[1:], 1):
        y += np.multiply(x[..., k * dilation : k * dilation + length, :], tap, out=more)
    return y


def _pointwise(x: np.ndarray, across: Convolution) -> np.ndarray:
    weight = memory(across.weight)
    y = np.zeros((*x.shape[:-1], weight.shape[1]), np.float32)
    if "bias" in across:
        y += memory(across.bias)
    adder()(_flat(x), weight, _flat(y))
    return y


def _transposed(x: np.ndarray, up: Convolution) -> np.ndarray:
    weight, bias, add = memory(up.weight), memory(up.bias), adder()
    batch, time, _ = x.shape
    half = weight.shape[1] // 2
    y = np.empty((batch, (time - 1) * (half // len(bias)), len(bias)), np.float32)
    y[:] = bias
    total = y.reshape(-1, half)
    add(_flat(x[:, 1:]), weight[:, :half], total)
    add(_flat(x[:, :-1]), weight[:, half:], total)
    return y


def _noisy(noise: Noise, x: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    y = _pointwise(x, noise.linear)
    y *= numbers[..., None]
    y += x
    return y


def _collapse(x: np.ndarray, last: Convolution, taps: int) -> np.ndarray:
    length = x.shape[1] - taps + 1
    each = np.zeros((*x.shape[:-1], taps), np.float32)
    adder()(_flat(x), memory(last.weight), _flat(each))
    y: np.ndarray = each[:, :length, 0] + memory(last.bias)
    for k in range(1, taps):
        y += each[:, k : k + length, k]
    return y


def _flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(-1, x.shape[-1])
