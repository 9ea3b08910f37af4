"""What the kernels of nn.cuda.units compute, in numpy, for arrays of MLX on a CPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlxtts.nn import mx
from mlxtts.nn.cuda.units import TAPS, Stretch
from mlxtts.nn.random import normal_at

Numbers = np.ndarray[Any, Any]


def _numbers(array: mx.array) -> Numbers:
    return np.array(array)


def joined(stretch: Stretch) -> Numbers:
    """What was kept and the stretch, zero outside the signal."""
    x = np.concatenate([_numbers(stretch.kept), _numbers(stretch.x)], axis=1)
    steps = np.arange(-stretch.kept.shape[1], stretch.x.shape[1])
    begins = _numbers(stretch.places)[:, None] * stretch.rate + stretch.start
    inside = (begins + steps >= 0) & (steps < stretch.stop)
    return np.where(inside[..., None], x, np.float32(0))


def _snake(x: Numbers, alpha: mx.array) -> Numbers:
    factors = _numbers(alpha)
    return np.asarray(x + np.sin(x * factors) ** 2 / (factors + np.float32(1e-9)))


def _taps(x: Numbers, length: int) -> list[Numbers]:
    apart = (x.shape[1] - length) // (TAPS - 1)
    return [x[:, k * apart : k * apart + length] for k in range(TAPS)]


def residual(
    stretch: Stretch,
    outer: mx.array,
    weight: mx.array,
    bias: mx.array,
    inner: mx.array,
    shift: mx.array,
) -> tuple[mx.array, mx.array, mx.array]:
    x, time = joined(stretch), stretch.x.shape[1]
    taps = zip(_taps(_snake(x, outer), time), _numbers(weight), strict=True)
    y = _snake(_numbers(bias) + sum(tap * row for tap, row in taps), inner)
    return mx.array(y), mx.array(_taps(x, time)[TAPS // 2] + _numbers(shift)), mx.array(x[:, time:])


def depthwise(stretch: Stretch, weight: mx.array, bias: mx.array) -> tuple[mx.array, mx.array]:
    x, time = joined(stretch), stretch.x.shape[1]
    taps = zip(_taps(x, time), _numbers(weight), strict=True)
    y = _numbers(bias) + sum(tap * row for tap, row in taps)
    return mx.array(y), mx.array(x[:, time:])


def snake(stretch: Stretch, alpha: mx.array) -> tuple[mx.array, mx.array]:
    x = joined(stretch)
    return mx.array(_snake(x, alpha)), mx.array(x[:, stretch.x.shape[1] :])


def overlap(
    product: mx.array,
    bias: mx.array,
    keys: mx.array,
    layer: int,
    places: mx.array,
    rate: int,
    start: int,
) -> tuple[mx.array, mx.array]:
    begun, ended = np.split(_numbers(product), 2, axis=2)
    y = begun[:, 1:] + ended[:, :-1]
    y = y.reshape(len(y), -1, len(bias)) + _numbers(bias)
    keys = keys + mx.array([layer, 0], dtype=mx.uint32)
    noise = normal_at(keys, places[:, None] * rate + start, y.shape[1])
    return mx.array(y), mx.array(y * _numbers(noise)[..., None])


def collapse(
    stretch: Stretch, alpha: mx.array, weight: mx.array, bias: mx.array
) -> tuple[mx.array, mx.array]:
    x, time = joined(stretch), stretch.x.shape[1]
    taps = zip(_taps(_snake(x, alpha), time), _numbers(weight).T, strict=True)
    y = np.tanh(_numbers(bias) + sum(tap @ row for tap, row in taps))
    return mx.array(y), mx.array(x[:, time:])


NAMES = ("residual", "depthwise", "snake", "overlap", "collapse")
