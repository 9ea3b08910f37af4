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
    """With NaN where the kernel writes nothing, so that it is noticed if somebody looks there."""
    if added is not None:
        own = mx.arange(x.shape[1]) < lengths[:, None]
        x = mx.where(own[..., None], x + added + bias, mx.nan)
    return mx.array(found_moments(np.array(x), np.array(lengths))), x


def styled(
    x: mx.array,
    wanted: mx.array,
    bend: mx.array | float,
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


def add_layer_norm(
    x: mx.array, added: mx.array, bias: mx.array, scale: mx.array, shift: mx.array, epsilon: float
) -> mx.array:
    numbers = (np.array(each) for each in (x, added, bias, scale, shift))
    return mx.array(normed(*numbers, epsilon))


def made_doubled(x: Numbers, weight: Numbers, bias: Numbers, lengths: Numbers) -> Numbers:
    batch, time, channels = x.shape
    y = np.zeros((batch, 2 * time, channels), np.float32)
    for row, length in enumerate(lengths):
        own = x[row, :length]
        later = np.pad(own[1:], [(0, 1), (0, 0)])
        y[row, : 2 * length : 2] = own * weight[1] + bias
        y[row, 1 : 2 * length : 2] = own * weight[2] + later * weight[0] + bias
    return y


def made_source(
    pitch: Numbers,
    sums: Numbers,
    noise: Numbers,
    weight: Numbers,
    bias: Numbers,
    levels: Numbers,
    lengths: Numbers,
    rate: int,
) -> Numbers:
    """Of each row's own samples; zero beyond."""
    (batch, time), hop, numbers = pitch.shape, noise.shape[1] // pitch.shape[1], 1 + np.arange(9)
    made = np.zeros((batch, time * hop), np.float32)
    for row, length in enumerate(lengths):
        turns = pitch[row, :length, None] * numbers / rate
        steps = np.pad(hop * (turns - np.floor(turns)), [(0, 1), (0, 0)])
        middles = sums[row, :length] / 2.0**32
        at = np.arange(length * hop) - hop // 2
        way = np.where(at < 0, 0, (at % hop + 0.5) / hop)[:, None]
        cycles = middles[np.maximum(at // hop, 0)] + way * steps[np.maximum(at // hop, 0) + 1]
        voiced = np.repeat(pitch[row, :length] > levels[0], hop)[:, None]
        waves = np.where(voiced, levels[1] * np.sin(2 * np.pi * cycles), 0)
        heard = waves + np.where(voiced, levels[2], levels[3]) * noise[row, : length * hop]
        made[row, : length * hop] = np.tanh(heard @ weight[0] + bias)
    return made


def made_spectrum(x: Numbers, forward: Numbers, lengths: Numbers) -> Numbers:
    size, parts = forward.shape
    hop, polar = size // 4, np.zeros((len(x), x.shape[1] // (size // 4) + 1, parts), np.float32)
    for row, length in enumerate(lengths):
        around = np.pad(x[row, :length], size // 2, "reflect")
        count = length // hop + 1
        frames = np.array([around[n * hop : n * hop + size] for n in range(count)])
        real, imaginary = np.split(frames.astype(np.float64) @ forward, 2, axis=1)
        imaginary[:, [0, -1]] = 0
        polar[row, :count] = np.concatenate(
            [np.hypot(real, imaginary), np.arctan2(imaginary, real)], axis=1
        )
    return polar


def made_cartesian(x: Numbers) -> Numbers:
    magnitude, phase = np.split(x, 2, axis=-1)
    whole = np.exp(magnitude + 1j * np.sin(phase))
    return np.concatenate([whole.real, whole.imag], axis=-1).astype(np.float32)


def overlapped(frames: Numbers, squares: Numbers, lengths: Numbers) -> Numbers:
    batch, count, size = frames.shape
    hop, half = size // 4, size // 2
    laid = np.zeros((2, batch, (count + 3) * hop))
    for row, length in enumerate(lengths):
        for n in range(length):
            laid[0, row, n * hop : n * hop + size] += frames[row, n]
            laid[1, row, n * hop : n * hop + size] += squares
    return (laid[0] / np.maximum(laid[1], 1e-11))[:, half:-half].astype(np.float32)


def doubled(x: mx.array, weight: mx.array, bias: mx.array, lengths: mx.array) -> mx.array:
    return mx.array(made_doubled(*(np.array(each) for each in (x, weight, bias, lengths))))


def source(
    pitch: mx.array,
    sums: mx.array,
    noise: mx.array,
    weight: mx.array,
    bias: mx.array,
    levels: tuple[float, ...],
    lengths: mx.array,
    rate: int,
) -> mx.array:
    given = (np.array(each) for each in (pitch, sums, noise, weight, bias, levels, lengths))
    return mx.array(made_source(*given, rate))


def spectrum(x: mx.array, forward: mx.array, lengths: mx.array) -> mx.array:
    return mx.array(made_spectrum(*(np.array(each) for each in (x, forward, lengths))))


def cartesian(x: mx.array) -> mx.array:
    return mx.array(made_cartesian(np.array(x)))


def overlap_add(frames: mx.array, squares: mx.array, lengths: mx.array) -> mx.array:
    return mx.array(overlapped(*(np.array(each) for each in (frames, squares, lengths))))
