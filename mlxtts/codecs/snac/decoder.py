"""SNAC's decoder as a stream: latents in, samples out, each layer with the context it needs.

Modules are named as in the PyTorch checkpoint. On CUDA most of a layer is done by kernels of its
own, which look at what a layer was given and at what it kept without putting them together; on a
CPU by numpy (`cpu_decoder`), except where MLX is to multiply by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, pairwise
from typing import Any

from mlxtts.codecs.snac import cpu_decoder
from mlxtts.codecs.snac.config import Config
from mlxtts.codecs.snac.flow import Course, Flow, State
from mlxtts.nn import BLAS, Module, conv, mx, on_cpu, on_cuda
from mlxtts.nn.conv import Convolution
from mlxtts.nn.cuda import units
from mlxtts.nn.random import normal_at
from mlxtts.nn.snake import Snake

KERNEL = 7
DILATIONS = (1, 3, 9)


class ResidualUnit(Module):
    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.reach = KERNEL // 2 * dilation
        self.block: list[Any] = [
            Snake(channels),
            Convolution(KERNEL, channels, bias=channels),
            Snake(channels),
            Convolution(channels, channels, bias=channels),
        ]
        self._run = self._plain if on_cpu() else mx.compile(self._plain)

    def __call__(self, x: mx.array, flow: Flow) -> mx.array | None:
        if on_cuda():
            return self._in_kernels(x, flow)
        window = flow.window(x, self.reach)
        return None if window is None else self._run(window)

    def _plain(self, window: mx.array) -> mx.array:
        before, wide, between, across = self.block
        y = conv.depthwise(before(window), wide.weight, wide.bias, self.dilation)
        y = conv.pointwise(between(y), across.weight, across.bias)
        return window[:, self.reach : -self.reach] + y

    def _in_kernels(self, x: mx.array, flow: Flow) -> mx.array | None:
        before, wide, between, across = self.block
        weights = before.alpha, wide.weight, wide.bias, between.alpha, across.bias
        y, amid = flow.through(units.residual, x, 2 * self.reach, *weights)
        settled = flow.settled(y, self.reach)
        if settled is None:
            return None
        return mx.addmm(amid[:, -settled.shape[1] :], settled, across.weight)


class Noise(Module):
    """The noise of block number `layer`."""

    def __init__(self, channels: int, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.linear = Convolution(channels, channels)

    def __call__(self, x: mx.array, flow: Flow, keys: mx.array) -> mx.array:
        numbers = self.numbers(flow, keys, x.shape[1])
        return x + numbers[..., None] * conv.pointwise(x, self.linear.weight)

    def numbers(self, flow: Course[Any], keys: mx.array, length: int) -> mx.array:
        """Of the next steps of each row, (B, length)."""
        keys = keys + mx.array([self.layer, 0], dtype=mx.uint32)
        return normal_at(keys, flow.starts, length)


class Block(Module):
    """Upsample by `rate`, halving the channels."""

    def __init__(self, channels: int, rate: int, layer: int) -> None:
        super().__init__()
        self.rate = rate
        half = channels // 2
        self.block: list[Any] = [
            Snake(channels),
            Convolution(channels, 2 * rate * half, bias=half),
            Noise(half, layer),
            *(ResidualUnit(half, dilation) for dilation in DILATIONS),
        ]

    def __call__(self, x: mx.array, flow: Flow, keys: mx.array | None) -> mx.array | None:
        *_, one, two, three = self.block
        if on_cuda() and keys is not None:
            y = self._in_kernels(x, flow, keys)
        else:
            y = self._plain(x, flow, keys)
        for unit in (one, two, three):
            if y is None:
                return None
            y = unit(y, flow)
        return y

    def _plain(self, x: mx.array, flow: Flow, keys: mx.array | None) -> mx.array | None:
        activation, up, noise, *_ = self.block
        y = conv.transposed(flow.extend(activation(x), 1), up.weight, up.bias)
        settled = flow.upsampled(y, self.rate)
        return settled if settled is None or keys is None else noise(settled, flow, keys)

    def _in_kernels(self, x: mx.array, flow: Flow, keys: mx.array) -> mx.array | None:
        activation, up, noise, *_ = self.block
        (x,) = flow.through(units.snake, x, 1, activation.alpha)
        place = flow.places, flow.rate * self.rate, flow.risen(self.rate)
        y, noisy = units.overlap(x @ up.weight, up.bias, keys, noise.layer, *place)
        settled = flow.upsampled(y, self.rate)
        if settled is None:
            return None
        return mx.addmm(settled, noisy[:, -settled.shape[1] :], noise.linear.weight)


class Decoder(Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        latents, channels = config.latents, config.decoder_dim
        widths = [channels >> n for n in range(len(config.decoder_rates) + 1)]
        self.model: list[Any] = [
            Convolution(KERNEL, latents, bias=latents),
            Convolution(latents, channels, bias=channels),
            *map(Block, widths, config.decoder_rates, count()),
            Snake(widths[-1]),
            Convolution(widths[-1], KERNEL, bias=1),
        ]

        self.lag = KERNEL // 2
        for rate in config.decoder_rates:
            self.lag = self.lag * rate + (rate + 1) // 2 + KERNEL // 2 * sum(DILATIONS)
        self.lag += KERNEL // 2
        self.work = _work(latents, widths, config.decoder_rates)
        """Multiplications of matrices for a latent."""

    def __call__(
        self, z: mx.array, state: State, *, ended: bool = False
    ) -> tuple[mx.array, int, State]:
        """Decode the next latents, (B, T, latents), of signals that `ended` before them, if so.

        Returns the samples that are settled by them, (B, n): as many as belong to T latents, but
        fewer if all rows begin, since samples are `lag` behind latents, and with zeros or worse
        outside the signals; the place of the first one from where these latents begin; and the
        state to go on from.
        """
        flow: Course[Any]
        if on_cpu() and BLAS:
            samples, flow = cpu_decoder.decode(self, z, state, ended)
        else:
            flow = Flow(state, ended)
            samples = self._layers(z, flow, state.keys)
        if samples is None:
            samples = mx.zeros((len(z), 0))
        positions = tuple(position + z.shape[1] for position in state.positions)
        return samples, flow.start, State(positions, state.keys, tuple(flow.carries))

    def _layers(self, z: mx.array, flow: Flow, keys: mx.array | None) -> mx.array | None:
        across = self.model[1]
        x = self._first(z, flow)
        if x is None:
            return None
        x = conv.pointwise(x, across.weight, across.bias)
        for block in self.model[2:-2]:
            x = block(x, flow, keys)
            if x is None:
                return None
        return self._last(x, flow)

    def _first(self, z: mx.array, flow: Flow) -> mx.array | None:
        wide = self.model[0]
        if on_cuda():
            (x,) = flow.through(units.depthwise, z, KERNEL - 1, wide.weight, wide.bias)
            return flow.settled(x, KERNEL // 2)
        window = flow.window(z, KERNEL // 2)
        return None if window is None else conv.depthwise(window, wide.weight, wide.bias)

    def _last(self, x: mx.array, flow: Flow) -> mx.array | None:
        *_, activation, last = self.model
        if on_cuda():
            weights = activation.alpha, last.weight, last.bias
            (y,) = flow.through(units.collapse, x, KERNEL - 1, *weights)
            return flow.settled(y, KERNEL // 2)
        window = flow.window(activation(x), KERNEL // 2)
        return None if window is None else mx.tanh(conv.collapse(window, last.weight, last.bias))


def _work(latents: int, widths: list[int], rates: Sequence[int]) -> int:
    total, steps = latents * widths[0], 1
    for (before, after), rate in zip(pairwise(widths), rates, strict=True):
        steps *= rate
        total += steps * after * (2 * before + (1 + len(DILATIONS)) * after)
    return total
