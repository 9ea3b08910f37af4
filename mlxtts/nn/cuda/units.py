"""Kernels for NVIDIA's GPUs of decoders that turn a few latents into many samples, a stretch at a
time: there an operation of MLX's costs as much by being called, or by what it moves, as the product
beside it does. Arrays are (B, T, C) as in nn.conv; time and channels are read from their shapes, so
that a kernel is compiled once for all layers.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from mlxtts.nn import mx
from mlxtts.nn.cuda.kernels import kernel

BLOCK = 256  # threads
CHAIN = 16  # outputs of a thread of `residual`
EACH = 4  # elements of a thread that passes over an array
STEPS = 32  # of a block of `overlap`
OUTPUTS = 122  # of a block of `collapse`
TAPS = 7


@dataclass(frozen=True, eq=False)
class Stretch:
    """The next stretch of a layer's input, of which steps outside the signal count as zero.

    x: (B, T, C); kept: the steps before it, (B, P, C); places: (B,) int32, the latents before it of
    each row, of `rate` steps each; start: the first step from there; stop: how many steps there are
    until the signals end.
    """

    x: mx.array
    kept: mx.array
    places: mx.array
    rate: int
    start: int
    stop: int

    @property
    def inputs(self) -> list[mx.array]:
        stop = min(self.stop, 2**31 - 1)
        return [self.x, self.kept, self.places, _numbers(self.rate, self.start, stop)]


INPUTS = ("given", "kept", "places", "numbers")


@functools.lru_cache(256)
def _numbers(*numbers: int) -> mx.array:
    """Mostly the same as in the last push."""
    return mx.array(numbers, dtype=mx.int32)


@functools.lru_cache(8)
def _zeros(channels: int) -> mx.array:
    return mx.array([0.0] * channels)


def _blocks(count: int, size: int) -> int:
    """Threads for `count` elements, of which a block has `size`."""
    return -(-count // size) * BLOCK


def residual(
    stretch: Stretch,
    outer: mx.array,
    weight: mx.array,
    bias: mx.array,
    inner: mx.array,
    shift: mx.array,
) -> tuple[mx.array, mx.array, mx.array]:
    """What a residual unit does before its product: snake, seven taps a channel, snake.

    stretch: P is six times as much as the taps are apart; outer, inner: the snakes' alphas, (C,);
    weight: (7, C); bias: (C,); shift: (C,). Returns the outputs, (B, T, C), that end with the
    stretch; what lies amid the taps of each, plus `shift`, (B, T, C); and what to keep.
    """
    x, kept = stretch.x, stretch.kept
    batch, time, channels = x.shape
    apart = kept.shape[1] // (TAPS - 1)
    names = (*INPUTS, "alpha", "weight", "biases", "beta", "shift")
    chains = apart * -(-time // (CHAIN * apart))
    y, amid, after = kernel("residual", names, "made", "amid", "after")(
        inputs=[*stretch.inputs, outer, weight, bias, inner, shift],
        template=[("T", x.dtype), ("S", CHAIN)],
        grid=(_blocks(chains * channels, BLOCK), batch, 1),
        threadgroup=(BLOCK, 1, 1),
        output_shapes=[x.shape, x.shape, kept.shape],
        output_dtypes=[x.dtype] * 3,
    )
    return y, amid, after


def depthwise(stretch: Stretch, weight: mx.array, bias: mx.array) -> tuple[mx.array, mx.array]:
    """Seven taps a channel alone: outputs, (B, T, C), that end with the stretch, and what to keep.
    A snake whose alpha is 0 changes nothing."""
    none = _zeros(stretch.x.shape[2])
    y, _, after = residual(stretch, none, weight, bias, none, none)
    return y, after


def snake(stretch: Stretch, alpha: mx.array) -> tuple[mx.array, mx.array]:
    """The snake of what was kept and the stretch, (B, P + T, C), and what to keep."""
    x, kept = stretch.x, stretch.kept
    batch, time, channels = x.shape
    shape = batch, kept.shape[1] + time, channels
    y, after = kernel("snake", (*INPUTS, "alpha"), "made", "after")(
        inputs=[*stretch.inputs, alpha],
        template=[("T", x.dtype), ("U", EACH)],
        grid=(_blocks(shape[1] * channels, BLOCK * EACH), batch, 1),
        threadgroup=(BLOCK, 1, 1),
        output_shapes=[shape, kept.shape],
        output_dtypes=[x.dtype] * 2,
    )
    return y, after


def overlap(
    product: mx.array,
    bias: mx.array,
    keys: mx.array,
    layer: int,
    places: mx.array,
    rate: int,
    start: int,
) -> tuple[mx.array, mx.array]:
    """`transposed` of nn.conv from its product on: (B, T + 1, 2 * stride * D) and (D,) to
    (B, T * stride, D); and that times the `normal_at` of nn.random, a number a step.

    keys: (B, 2), of which the first number is counted up by `layer`; places, rate and start: as for
    Stretch, but of what is returned.
    """
    batch, time, width = product.shape
    channels = len(bias)
    length = (time - 1) * (width // 2 // channels)
    y, noisy = kernel("overlap", ("product", "bias", "keys", "places", "numbers"), "made", "noisy")(
        inputs=[product, bias, keys, places, _numbers(rate, start, layer)],
        template=[("T", product.dtype), ("U", EACH), ("L", STEPS)],
        grid=(_blocks(length, STEPS), batch, 1),
        threadgroup=(BLOCK, 1, 1),
        output_shapes=[(batch, length, channels)] * 2,
        output_dtypes=[product.dtype] * 2,
    )
    return y, noisy


def collapse(
    stretch: Stretch, alpha: mx.array, weight: mx.array, bias: mx.array
) -> tuple[mx.array, mx.array]:
    """tanh of seven taps, (C, 7), on all channels of the snake, plus bias, (1,): (B, T) that ends
    with the stretch, and the six steps to keep."""
    x, kept = stretch.x, stretch.kept
    batch, time, _ = x.shape
    y, after = kernel("collapse", (*INPUTS, "alpha", "weight", "bias"), "made", "after")(
        inputs=[*stretch.inputs, alpha, weight, bias],
        template=[("T", x.dtype)],
        grid=(_blocks(time, OUTPUTS), batch, 1),
        threadgroup=(BLOCK, 1, 1),
        output_shapes=[(batch, time), kept.shape],
        output_dtypes=[x.dtype] * 2,
    )
    return y, after
