"""Products of many rows and a matrix.

MLX's Linux wheel has the reference BLAS, whose products numpy's own surpass twenty times and more.
Where `mlxtts.blas` says so they are therefore numpy's, from so many rows on that waiting for MLX,
without which numpy could not begin, is worth it.
"""

from __future__ import annotations

import math

import mlx.nn  # noqa: TID251
import numpy as np

from mlxtts.blas import NUMPY
from mlxtts.nn import BLAS, mx, on_cpu
from mlxtts.nn.stretches import memory
from mlxtts.nn.threads import enough

FEW = 8  # rows: 8 of a transformer of width 256 gain a fifth, 4 lose a tenth


def product(x: mx.array, weight: mx.array, bias: mx.array | None = None) -> mx.array:
    """(..., C) by (C, D), and what can be added to it."""
    if BLAS == NUMPY and on_cpu() and _suits(x, weight):
        y = by_numpy(memory(x), memory(weight))
        if bias is not None:
            y += memory(bias)
        return mx.array(y)
    return x @ weight if bias is None else mx.addmm(bias, x, weight)


def by_numpy(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(..., C) by (C, D)."""
    with enough(math.prod(x.shape[:-1]), weight.size):
        return x @ weight  # type: ignore[no-any-return]


def _suits(x: mx.array, weight: mx.array) -> bool:
    return math.prod(x.shape[:-1]) >= FEW and x.dtype == weight.dtype == mx.float32


class Linear(mlx.nn.Linear):
    """MLX's, by `product`."""

    def __call__(self, x: mx.array) -> mx.array:
        return product(x, self.weight.T, self.get("bias"))
