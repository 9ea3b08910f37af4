"""Convolutions on a CPU that are added to what is there, by the BLAS that MLX was given.

MLX's addmm first copies what it adds to; of a convolution with few channels, whose taps are a
product each, that took a third of the time. Arrays are numpy's, of float32, (time, channels), each
step's channels side by side.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache

import numpy as np

from mlxtts.blas import NUMPY
from mlxtts.nn import BLAS, linear

NUMBERS = 1 << 20
"""In a stretch of time, of which one tap after another is added: 4 MiB, which stay in the cache."""
ROWS, AS_IT_IS, TURNED = 101, 111, 112  # CBLAS's names for how matrices lie

Product = Callable[[np.ndarray, np.ndarray, np.ndarray], None]


def add_convolution(
    x: np.ndarray,
    weight: np.ndarray,
    dilation: int,
    total: np.ndarray,
    product: Product | None = None,
) -> None:
    """Add (T + (K - 1) * dilation, C) by (K, C, D) to `total`, (T, D)."""
    product = product or adder()
    size = max(1, NUMBERS // total.shape[1])
    for start in range(0, len(total), size):
        part = total[start : start + size]
        for k, matrix in enumerate(weight):
            at = start + k * dilation
            product(x[at : at + len(part)], matrix, part)


def by_numpy(a: np.ndarray, b: np.ndarray, total: np.ndarray) -> None:
    total += linear.by_numpy(a, b)


@cache
def adder() -> Product:
    """Adds the product of two matrices to a third."""
    library = ctypes.CDLL(BLAS) if BLAS and BLAS != NUMPY else None
    sgemm = getattr(library, "cblas_sgemm", None)
    if sgemm is None:
        return by_numpy
    matrix = (ctypes.c_void_p, ctypes.c_int)
    sgemm.argtypes = (
        *[ctypes.c_int] * 6, ctypes.c_float, *matrix, *matrix, ctypes.c_float, *matrix,
    )  # fmt: skip
    sgemm.restype = None

    def product(a: np.ndarray, b: np.ndarray, total: np.ndarray) -> None:
        shape = (*total.shape, len(b))
        (turned_a, a), (turned_b, b) = _lying(a), _lying(b)
        places = [(x.ctypes.data, _lead(x)) for x in (a, b, total)]
        sgemm(ROWS, turned_a, turned_b, *shape, 1, *places[0], *places[1], 1, *places[2])

    return product


def _lying(x: np.ndarray) -> tuple[int, np.ndarray]:
    """A matrix with the numbers of a row side by side, and whether that is `x` or `x` turned."""
    if x.strides[1] == x.itemsize:
        return AS_IT_IS, x
    if x.strides[0] == x.itemsize:
        return TURNED, x.T
    return AS_IT_IS, np.ascontiguousarray(x)


def _lead(x: np.ndarray) -> int:
    """How far apart rows are, in numbers; a single one may have any stride."""
    return x.strides[0] // x.itemsize if len(x) > 1 else x.shape[1]
