"""What the kernels of nn.cuda.adain compute, in numpy; and the same for arrays of MLX on a CPU."""

from __future__ import annotations

import numpy as np

from mlxtts.nn import mx
from mlxtts.nn.cuda.adain import STRETCH
from tests.nn.doubles import Numbers


def found_moments(x: Numbers, lengths: Numbers, stretch: int = STRETCH) -> Numbers:
    """NaN where a row has nothing, as what a kernel does not write may be anything."""
    batch, time, channels = x.shape
    parts = np.full((batch, -(-time // stretch), 2, channels), np.nan, np.float32)
    for row, length in enumerate(lengths):
        for n, start in enumerate(range(0, length, stretch)):
            own = x[row, start : min(start + stretch, length)].astype(np.float64)
            parts[row, n] = own.mean(0), own.var(0) * len(own)
    return parts


def made_styled(x: Numbers, wanted: Numbers, bend: Numbers, lengths: Numbers) -> Numbers:
    bent = np.zeros_like(x)
    scale, shift = np.split(wanted.T, 2, axis=1)
    for row, length in enumerate(lengths):
        own = x[row, :length].astype(np.float64)
        gain = (1 + scale[row]) / np.sqrt(own.var(0) + 1e-5)
        y = (own - own.mean(0)) * gain + shift[row]
        wave = np.sin(bend * y) ** 2 / (bend + 1e-9)
        bent[row, :length] = y + wave if bend.size > 1 else np.maximum(y, bend * y)
    return bent


def moments(
    x: mx.array, lengths: mx.array, added: mx.array | None = None, bias: mx.array | None = None
) -> tuple[mx.array, mx.array]:
    x = x if added is None else x + added + bias
    return mx.array(found_moments(np.array(x), np.array(lengths))), x


def styled(
    x: mx.array,
    wanted: mx.array,
    bend: mx.array,
    lengths: mx.array,
    parts: mx.array | None = None,
) -> mx.array:
    numbers = [np.array(each) for each in (x, wanted, bend, lengths)]
    assert parts is None or np.allclose(
        np.array(parts), found_moments(numbers[0], numbers[3]), atol=1e-2, equal_nan=True
    )
    return mx.array(made_styled(*numbers))


def all_attended(qkv: Numbers, lengths: Numbers, heads: int) -> Numbers:
    """Queries beyond a row attend to it as well."""
    parts = qkv.reshape(len(lengths), -1, 3, heads, qkv.shape[1] // 3 // heads)
    found = []
    for row, length in zip(parts.astype(np.float64), lengths, strict=True):
        queries, keys, values = row[:, 0], row[:length, 1], row[:length, 2]
        scores = np.einsum("qhd,khd->hqk", queries, keys) * queries.shape[-1] ** -0.5
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        found.append(np.einsum("hqk,khd->qhd", weights, values))
    return np.array(found, np.float32).reshape(len(qkv), -1)


def normed(
    x: Numbers, added: Numbers, bias: Numbers, scale: Numbers, shift: Numbers, epsilon: float
) -> Numbers:
    total = x.astype(np.float64) + added + bias
    around = total - total.mean(-1, keepdims=True)
    gain = 1 / np.sqrt(total.var(-1, keepdims=True) + epsilon)
    return (around * gain * scale + shift).astype(np.float32)


def attend_all(qkv: mx.array, lengths: mx.array, heads: int) -> mx.array:
    return mx.array(all_attended(np.array(qkv), np.array(lengths), heads))


def added_norm(
    x: mx.array, added: mx.array, bias: mx.array, scale: mx.array, shift: mx.array, epsilon: float
) -> mx.array:
    numbers = (np.array(each) for each in (x, added, bias, scale, shift))
    return mx.array(normed(*numbers, epsilon))
