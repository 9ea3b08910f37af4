"""Kernels for vocoders with a source and a short Fourier transform: a thread for each number that
comes out.

Of float32; `lengths`: how many steps of what comes in are a row's own, (B,) int32.
"""

from __future__ import annotations

from collections.abc import Sequence

from mlxtts.nn import mx
from mlxtts.nn.cuda.kernels import constants, kernel

THREADS = 256


def doubled(x: mx.array, weight: mx.array, bias: mx.array, lengths: mx.array) -> mx.array:
    """A depthwise transposed convolution of three taps, (3, C), and a bias, (C,): (B, T, C) to
    (B, 2 * T, C), zero beyond a row."""
    batch, time, channels = x.shape
    inputs = {"signal": x, "weight": weight, "bias": bias, "lengths": lengths}
    return _each("doubled", inputs, "doubled", (batch, 2 * time, channels))


def source(
    pitch: mx.array,
    sums: mx.array,
    noise: mx.array,
    weight: mx.array,
    bias: mx.array,
    levels: Sequence[float],
    lengths: mx.array,
    rate: int,
) -> mx.array:
    """The harmonics of a pitch, or noise where there is none, weighted: (B, T) Hz to (B, T * hop).

    sums: cycles up to each value's middle, whole turns of 2^32, (B, T, harmonics) uint32; noise:
    (B, T * hop, harmonics); weight: (1, harmonics), bias: (1,); levels: below which pitch there is
    no voice, how loud a harmonic is, and the noise with and without it.
    """
    harmonics, hop = weight.size, noise.shape[1] // pitch.shape[1]
    inputs = {"pitch": pitch, "sums": sums, "noise": noise, "weight": weight, "bias": bias}
    inputs |= {"levels": constants(*levels), "lengths": lengths}
    template = [("H", harmonics), ("K", hop), ("R", rate)]
    return _each("source", inputs, "made", noise.shape[:2], template)


def spectrum(x: mx.array, forward: mx.array, lengths: mx.array) -> mx.array:
    """Samples, (B, T), by a transform, (size, 2 * bins), to magnitudes beside phases,
    (B, 4 * T / size + 1, 2 * bins), zero beyond a row's frames."""
    size, parts = forward.shape
    inputs = {"signal": x, "forward": forward, "lengths": lengths}
    shape = (len(x), x.shape[1] // (size // 4) + 1, parts)
    return _each("spectrum", inputs, "polar", shape, [("Z", size)])


def cartesian(x: mx.array) -> mx.array:
    """Logarithms of magnitudes beside arc sines of phases, (B, F, 2 * bins), to real parts beside
    imaginary ones."""
    return _each("cartesian", {"signal": x}, "parts", x.shape)


def overlap_add(frames: mx.array, squares: mx.array, lengths: mx.array) -> mx.array:
    """Frames, (B, F, size), laid over each other and divided by the sum of `squares`, (size,), of
    those that there are: (B, (F - 1) * size / 4). `lengths`: in frames."""
    batch, count, size = frames.shape
    inputs = {"frames": frames, "squares": squares, "lengths": lengths}
    return _each("overlap_add", inputs, "laid", (batch, (count - 1) * (size // 4)), [("Z", size)])


def _each(
    name: str,
    inputs: dict[str, mx.array],
    output: str,
    shape: tuple[int, ...],
    template: Sequence[tuple[str, int]] = (),
) -> mx.array:
    """A kernel with a thread for each number of a row, or fewer."""
    numbers = 1
    for size in shape[1:]:
        numbers *= size
    run = kernel(name, tuple(inputs), output)
    (made,) = run(
        inputs=[*inputs.values()],
        template=[*template, ("S", THREADS)],
        grid=(-(-numbers // THREADS) * THREADS, shape[0], 1),
        threadgroup=(THREADS, 1, 1),
        output_shapes=[shape],
        output_dtypes=[mx.float32],
    )
    return made
