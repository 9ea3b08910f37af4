"""Elementwise work on a CPU: in the memory of MLX's arrays, but by numpy, one stretch of time that
fits the processor's cache after another.

Of MLX's operations each is a pass through memory of its own, in one thread; numpy's are told where
to write, and take a twentieth of the time for a sine. Arrays are (time, channels), of float32.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mlxtts.nn import mx, on_cpu

NUMBERS = 1 << 16
"""In a stretch: a quarter of a MiB, of which a few fit a cache of 1 MiB or more."""
LARGE = 24 << 20
"""Bytes; glibc takes no array of 32 MiB and more for what it is to keep."""


def keep_what_is_freed() -> None:
    """Have malloc keep the memory of arrays up to LARGE for the next ones. glibc gives what has
    more than 128 KiB back to the system, and gets it anew page by page, which takes as long as to
    compute it, until a larger one is freed (mallopt(3), M_MMAP_THRESHOLD)."""
    np.empty(LARGE, np.uint8)


keep_what_is_freed()


def memory(x: mx.array) -> np.ndarray:
    """That of `x`, for reading, or for writing what nobody has read yet. Waits for `x`."""
    mx.eval(x)
    return np.array(x, copy=False)


def elementwise(name: str, *numbers: mx.array) -> mx.array:
    """The function of that name, which MLX and numpy have, of arrays of one shape; on a CPU by
    numpy, which waits for them."""
    if not on_cpu():
        result: mx.array = getattr(mx, name)(*numbers)
        return result
    result = mx.zeros(numbers[0].shape)
    getattr(np, name)(*map(memory, numbers), out=memory(result))
    return result


def stretches(time: int, channels: int) -> Iterator[slice]:
    size = max(1, NUMBERS // channels)
    return (slice(start, min(start + size, time)) for start in range(0, time, size))


def moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of each channel, from those of the stretches, each around its own mean: so
    that little is lost in float32, however large the mean or the time."""
    parts = [x[part] for part in stretches(*x.shape)]
    counts = np.array([[len(part)] for part in parts], np.float64)
    means = np.stack([np.mean(part, axis=0) for part in parts])
    squares = np.stack([_squares(p, m) for p, m in zip(parts, means, strict=True)])
    mean = np.sum(counts * means, axis=0) / len(x)
    total = np.sum(squares + counts * (means - mean) ** 2, axis=0)
    return mean, total / len(x)


def _squares(x: np.ndarray, mean: np.ndarray) -> np.ndarray:
    around = x - mean
    total: np.ndarray = np.einsum("tc,tc->c", around, around)
    return total
