"""Mimi's convolutions (SEANet; Tagliasacchi et al., 2020) as streams: latents to samples, and
samples to latents.

All look back only, so that what comes in gives what belongs to it at once. Modules are named as in
transformers' checkpoint; arrays are (batch, time, channels).
"""

from __future__ import annotations

import math
from typing import Any

from mlxtts.codecs.mimi.config import Config
from mlxtts.nn import Module, conv, mx, on_cpu
from mlxtts.nn.conv import Convolution
from mlxtts.nn.streaming import Flow


def elu(x: mx.array) -> mx.array:
    """x where it is positive, e**x - 1 elsewhere, which is never less than x. (On a CPU a power
    takes a third of the time of MLX's exp, which would take most of the decoder's.)"""
    below = mx.minimum(x, 0)
    power = mx.power(2.0, below * math.log2(math.e)) if on_cpu() else mx.exp(below)
    return mx.maximum(x, power - 1)


class Activation(Module):
    def __call__(self, x: mx.array, flow: Flow) -> mx.array:
        return elu(x)


class Causal(Module):
    """A convolution that looks back."""

    def __init__(self, taps: int, channels: int, out: int, dilation: int = 1) -> None:
        super().__init__()
        self._reach = (taps - 1) * dilation
        self._dilation = dilation
        self.conv = Convolution(taps, channels, out, bias=out)

    def __call__(self, x: mx.array, flow: Flow) -> mx.array:
        weight, bias = self.conv.weight, self.conv.bias
        if not self._reach:
            return conv.pointwise(x, weight[0], bias)
        x = flow.extend(x, self._reach)
        if weight.shape[2] == 1:
            return conv.collapse(x, weight[..., 0].T, bias)[..., None]
        if weight.shape[1] == 1:
            return conv.strided(x, weight, bias, 1)
        return conv.full(x, weight, bias, self._dilation)


class Upsampling(Module):
    """To `rate` times the steps."""

    def __init__(self, channels: int, out: int, rate: int) -> None:
        super().__init__()
        self.conv = Convolution(channels, 2 * rate * out, bias=out)

    def __call__(self, x: mx.array, flow: Flow) -> mx.array:
        return conv.transposed(flow.extend(x, 1), self.conv.weight, self.conv.bias)


class Downsampling(Module):
    """To one step of each `rate`, of which there is a whole number."""

    def __init__(self, channels: int, out: int, rate: int) -> None:
        super().__init__()
        self._rate = rate
        self.conv = Convolution(2 * rate, channels, out, bias=out)

    def __call__(self, x: mx.array, flow: Flow) -> mx.array:
        x = flow.extend(x, self._rate)
        return conv.strided(x, self.conv.weight, self.conv.bias, self._rate)


class Residual(Module):
    def __init__(self, config: Config, channels: int, layer: int) -> None:
        super().__init__()
        inner = channels // config.compress
        dilation = config.dilation_growth_rate**layer
        self.block: list[Any] = [
            Activation(),
            Causal(config.residual_kernel_size, channels, inner, dilation),
            Activation(),
            Causal(1, inner, channels),
        ]

    def __call__(self, x: mx.array, flow: Flow) -> mx.array:
        y = x
        for layer in self.block:
            y = layer(y, flow)
        return x + y


class Stack(Module):
    """One layer after the other."""

    def __init__(self, layers: list[Any]) -> None:
        super().__init__()
        self.layers = layers

    def __call__(self, x: mx.array, flow: Flow) -> mx.array:
        for layer in self.layers:
            x = layer(x, flow)
        return x


def decoder(config: Config) -> Stack:
    """(B, T, hidden_size) to (B, hop_length * T, 1)."""
    channels = config.num_filters << len(config.upsampling_ratios)
    layers: list[Any] = [Causal(config.kernel_size, config.hidden_size, channels)]
    for rate in config.upsampling_ratios:
        layers += [Activation(), Upsampling(channels, channels // 2, rate)]
        channels //= 2
        layers += [Residual(config, channels, n) for n in range(config.num_residual_layers)]
    return Stack([*layers, Activation(), Causal(config.last_kernel_size, channels, 1)])


def encoder(config: Config) -> Stack:
    """(B, hop_length * T, 1) to (B, T, hidden_size)."""
    channels = config.num_filters
    layers: list[Any] = [Causal(config.kernel_size, 1, channels)]
    for rate in reversed(config.upsampling_ratios):
        layers += [Residual(config, channels, n) for n in range(config.num_residual_layers)]
        layers += [Activation(), Downsampling(channels, 2 * channels, rate)]
        channels *= 2
    last = Causal(config.last_kernel_size, channels, config.hidden_size)
    return Stack([*layers, Activation(), last])
