"""One row through the matrices of a transformer's layer. What would be operations of their own
before and after a product is done in its kernel: a row is small, and the time goes by kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlxtts.nn import mx
from mlxtts.nn.cuda.kernels import kernel

if TYPE_CHECKING:
    from mlxtts.nn.cuda import Held
    from mlxtts.nn.quantization import Packing

THREADS = 128  # of a block
LARGEST = 45_000  # bytes of a row that fit a block's memory
MATRIX = ("matrix", "scales", "biases")

Matrix = tuple[mx.array, mx.array, mx.array]
"""(M, N) in the model's own type; or packed, with its scales and biases."""


def matrix(parts: dict[str, mx.array]) -> Matrix:
    """From a layer's parameters."""
    nothing = mx.zeros((1,), dtype=parts["weight"].dtype)
    return parts["weight"], parts.get("scales", nothing), parts.get("biases", nothing)


def fits(matrix: Matrix, packing: Packing | None, kind: mx.Dtype) -> bool:
    """Whether there are kernels for such a matrix, and rows of this type."""
    weight, scales, _ = matrix
    if packing and (packing.mode != "affine" or packing.bits not in (4, 8)):
        return False
    size = weight.shape[1] * 32 // packing.bits if packing else weight.shape[1]
    return size % 8 == 0 and size * kind.size <= LARGEST and scales.dtype == kind


def multiply_add(x: mx.array, matrix: Matrix, packing: Packing | None, more: mx.array) -> mx.array:
    """more + x @ matrix.T for rows, x (1, N) and more (1, M)."""
    (found,) = kernel("multiply_add", ("x", *MATRIX, "more"), "sum")(
        inputs=[x, *matrix, more],
        **_how(x, packing, len(matrix[0]), len(matrix[0])),
        output_shapes=[more.shape],
        output_dtypes=[x.dtype],
    )
    return found


def multiply_gate(
    x: mx.array, norm: mx.array, eps: mx.array, matrix: Matrix, packing: Packing | None
) -> mx.array:
    """`gate` of norm(x) @ matrix.T, x (1, N), as (1, M): norm (N,) and eps as for
    `add_rms_norm`, the matrix of 2 M rows."""
    size = len(matrix[0]) // 2
    (gated,) = kernel("multiply_gate", ("x", "weight", "eps", *MATRIX), "gated")(
        inputs=[x, norm, eps, *matrix],
        **_how(x, packing, size, size),
        output_shapes=[(1, size)],
        output_dtypes=[x.dtype],
    )
    return gated


def multiply_place(
    x: mx.array,
    norm: mx.array,
    eps: mx.array,
    matrix: Matrix,
    packing: Packing | None,
    held: Held,
    positions: mx.array,
    rates: mx.array,
) -> mx.array:
    """`place` of norm(x) @ matrix.T, x (1, N), into keys and values of its type."""
    there, _ = held
    _, groups, _, dim = there.shape
    size = len(matrix[0])
    heads = size // dim - groups
    names = ("x", "weight", "eps", *MATRIX, "held", "positions", "rates")
    how = _how(x, packing, size, size // 2)
    how["template"] += [("H", heads), ("K", groups // 2), ("D", dim)]
    (queries,) = kernel("multiply_place", names, "queries")(
        inputs=[x, norm, eps, *matrix, there, positions, rates],
        **how,
        output_shapes=[(1, heads * dim)],
        output_dtypes=[x.dtype],
    )
    return queries


def _how(x: mx.array, packing: Packing | None, rows: int, warps: int) -> dict[str, Any]:
    bits, group = (packing.bits, packing.group_size) if packing else (0, 1)
    shape = [("M", rows), ("N", x.shape[-1]), ("BITS", bits), ("GROUP", group)]
    return {
        "template": [("T", x.dtype), *shape, ("THREADS", THREADS)],
        "grid": (-(-32 * warps // THREADS) * THREADS, 1, 1),
        "threadgroup": (THREADS, 1, 1),
    }
