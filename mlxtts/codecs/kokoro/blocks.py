"""What Kokoro's parts are made of: convolutions, and residual blocks in the style of a voice.

Arrays are (batch, time, channels). Modules are named as in the PyTorch checkpoint, but that a
convolution has one weight, (taps, in, out).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from mlxtts.codecs.kokoro.style import Style, Together
from mlxtts.nn import Module, conv, mx, on_cpu, on_cuda
from mlxtts.nn.cuda import adain, vocoder
from mlxtts.nn.cuda.fused import in_one
from mlxtts.nn.linear import Linear
from mlxtts.nn.products import add_convolution
from mlxtts.nn.ragged import EPSILON, Ragged
from mlxtts.nn.snake import Snake
from mlxtts.nn.stretches import memory, moments

SLOPE = 0.2


@in_one
def leaky(x: mx.array, slope: float = SLOPE) -> mx.array:
    return mx.maximum(x, slope * x)


class Conv(Module):
    """With as much silence around that time stays."""

    def __init__(
        self, into: int, out: int, taps: int, *, dilation: int = 1, bias: bool = True
    ) -> None:
        super().__init__()
        self._dilation = dilation
        self.weight = mx.zeros((taps, into, out))
        if bias:
            self.bias = mx.zeros((out,))

    @property
    def side(self) -> int:
        """How much silence on each."""
        return (len(self.weight) - 1) // 2 * self._dilation

    def __call__(self, x: mx.array) -> mx.array:
        if len(self.weight) == 1:
            return conv.pointwise(x, mx.squeeze(self.weight, 0), self.get("bias"))
        return conv.padded(x, self.weight, self.bias, self._dilation)

    def bare(self, x: mx.array) -> mx.array:
        """Without its bias."""
        return conv.padded(x, self.weight, None, self._dilation)

    def add(self, x: np.ndarray, total: np.ndarray) -> None:
        """Add to `total`, (T, out), what it makes of one row, which has the silence already."""
        total += memory(self.bias)
        add_convolution(x, memory(self.weight), self._dilation, total)


class StridedConv(Module):
    """`side`: silence put before and after."""

    def __init__(self, into: int, out: int, taps: int, stride: int, side: int) -> None:
        super().__init__()
        self._stride, self._side = stride, side
        self.weight = mx.zeros((taps, into, out))
        self.bias = mx.zeros((out,))

    def __call__(self, x: mx.array) -> mx.array:
        x = mx.pad(x, [(0, 0), (self._side, self._side), (0, 0)])
        return conv.strided(x, self.weight, self.bias, self._stride)


class Upsample(Module):
    """A transposed convolution with a kernel of twice the stride: `stride` times the time."""

    def __init__(self, into: int, out: int, stride: int) -> None:
        super().__init__()
        self._stride = stride
        self.weight = mx.zeros((into, 2 * stride * out))
        self.bias = mx.zeros((out,))

    def __call__(self, x: mx.array) -> mx.array:
        time, side = x.shape[1], self._stride // 2
        y = conv.transposed(mx.pad(x, [(0, 0), (1, 1), (0, 0)]), self.weight, self.bias)
        return y[:, side : side + time * self._stride]


class Double(Module):
    """A depthwise transposed convolution of three taps: twice the time."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = mx.zeros((3, channels))
        self.bias = mx.zeros((channels,))

    def __call__(self, x: mx.array) -> mx.array:
        before, at, after = self.weight
        later = mx.pad(x[:, 1:], [(0, 0), (0, 1), (0, 0)])
        y = mx.stack([x * at, x * after + later * before], axis=2)
        return y.reshape(len(x), -1, x.shape[2]) + self.bias


class AdaIN(Module):
    """Each channel normalised over time, then scaled and shifted as the style has it."""

    def __init__(self, style: int, channels: int) -> None:
        super().__init__()
        self.fc = Linear(style, 2 * channels)

    def __call__(self, x: mx.array, style: Style, rows: Ragged) -> mx.array:
        return rows.normalise(x, *self.wanted(style))

    def wanted(self, style: Style) -> tuple[mx.array, mx.array]:
        """Deviation and mean of each channel, both (B, 1, C)."""
        scale, shift = mx.split(style.through(self.fc)[:, None], 2, axis=-1)
        return 1 + scale, shift


def together(part: Module) -> Together:
    """All that a part of the network wants of a style."""
    return Together([each.fc for each in part.modules() if isinstance(each, AdaIN)])


class StyledBlock(Module):
    """AdainResBlk1d: two convolutions of three taps beside a short cut; with `double`, at twice the
    time."""

    def __init__(self, into: int, out: int, style: int, *, double: bool = False) -> None:
        super().__init__()
        self.double = double
        self.norm1, self.norm2 = AdaIN(style, into), AdaIN(style, out)
        self.conv1, self.conv2 = Conv(into, out, 3), Conv(out, out, 3)
        if into != out:
            self.conv1x1 = Conv(into, out, 1, bias=False)
        if double:
            self.pool = Double(into)

    def __call__(self, x: mx.array, style: Style, rows: Ragged) -> mx.array:
        """`rows`: those of `x`."""
        out = rows.scaled(2) if self.double else rows
        if on_cuda():
            return self._in_few(x, style, rows, out)
        y = leaky(self.norm1(x, style, rows))
        if self.double:
            y = out.clear(self.pool(y))
            x = mx.repeat(x, 2, axis=1)
        y = leaky(self.norm2(self.conv1(y), style, out))
        short = self.conv1x1(x) if "conv1x1" in self else x
        return (self.conv2(y) + short) * math.sqrt(0.5)

    def _in_few(self, x: mx.array, style: Style, rows: Ragged, out: Ragged) -> mx.array:
        """The same in few operations. What `conv1` would add to all steps, `norm2` would take
        away."""
        y = adain.styled(x, style.columns(self.norm1.fc), SLOPE, rows.counts)
        if self.double:
            y = vocoder.doubled(y, self.pool.weight, self.pool.bias, rows.counts)
        y = adain.styled(self.conv1.bare(y), style.columns(self.norm2.fc), SLOPE, out.counts)
        short = self.conv1x1(x) if "conv1x1" in self else x
        if self.double:
            short = mx.repeat(short, 2, axis=1)
        return _joined(self.conv2.bare(y), self.conv2.bias, short)


@in_one
def _joined(y: mx.array, bias: mx.array, short: mx.array) -> mx.array:
    return (y + bias + short) * math.sqrt(0.5)


class SnakeBlock(Module):
    """AdaINResBlock1: pairs of convolutions, the first of each dilated, added one after another."""

    def __init__(self, channels: int, taps: int, dilations: tuple[int, ...], style: int) -> None:
        super().__init__()

        def each(make: Any) -> list[Any]:
            return [make(dilation) for dilation in dilations]

        self.convs1 = each(lambda dilation: Conv(channels, channels, taps, dilation=dilation))
        self.convs2 = each(lambda _: Conv(channels, channels, taps))
        self.adain1 = each(lambda _: AdaIN(style, channels))
        self.adain2 = each(lambda _: AdaIN(style, channels))
        self.snake1 = each(lambda _: Snake(channels))
        self.snake2 = each(lambda _: Snake(channels))

    def __call__(self, x: mx.array, style: Style, rows: Ragged) -> mx.array:
        first = zip(self.adain1, self.snake1, self.convs1, strict=True)
        second = zip(self.adain2, self.snake2, self.convs2, strict=True)
        pairs = zip(first, second, strict=True)
        if on_cpu():
            return _in_place(pairs, x, style, rows)
        if on_cuda():
            return _in_few(pairs, x, style, rows)
        for one, other in pairs:
            x = _styled(*other, _styled(*one, x, style, rows), style, rows) + x
        return x


Part = tuple[AdaIN, Snake, Conv]


def _styled(
    norm: AdaIN, snake: Snake, conv: Conv, x: mx.array, style: Style, rows: Ragged
) -> mx.array:
    return conv(snake(norm(x, style, rows)))


def _in_few(
    pairs: Iterable[tuple[Part, Part]], x: mx.array, style: Style, rows: Ragged
) -> mx.array:
    """The same on CUDA, in few operations. What the first convolution of a pair would add to all
    steps, the norm after it would take away; what the second adds is added with `x`."""
    counts = rows.counts
    parts, x = adain.moments(x, counts)
    for (norm1, snake1, conv1), (norm2, snake2, conv2) in pairs:
        y = adain.styled(x, style.columns(norm1.fc), snake1.alpha, counts, parts)
        y = adain.styled(conv1.bare(y), style.columns(norm2.fc), snake2.alpha, counts)
        parts, x = adain.moments(x, counts, conv2.bare(y), conv2.bias)
    return x


def _in_place(
    pairs: Iterable[tuple[Part, Part]], x: mx.array, style: Style, rows: Ragged
) -> mx.array:
    """The same on a CPU. Waits for `x`."""
    total = x + 0.0  # a copy
    owns = [row[:length] for row, length in zip(memory(total), rows.lengths, strict=True)]
    for one, other in pairs:
        for n, own in enumerate(owns):
            between = np.zeros_like(own)
            _add_styled(*one, own, style.row(n), between)
            _add_styled(*other, between, style.row(n), own)
    return total


def _add_styled(
    norm: AdaIN, snake: Snake, conv: Conv, x: np.ndarray, style: Style, total: np.ndarray
) -> None:
    """Add to `total` what `_styled` makes of one row, both (T, C)."""
    deviation, mean = (memory(wanted)[0, 0] for wanted in norm.wanted(style))
    own_mean, variance = moments(x)
    gain = deviation / np.sqrt(variance + EPSILON)
    shift = mean - own_mean * gain
    silence = np.zeros((len(x) + 2 * conv.side, x.shape[1]), np.float32)
    inner = silence[conv.side : conv.side + len(x)]
    snake.scaled(x, gain.astype(np.float32), shift.astype(np.float32), inner)
    conv.add(silence, total)
