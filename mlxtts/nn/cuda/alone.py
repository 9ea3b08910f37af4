"""A row alone through a transformer's layer, in one kernel: such a row is small, and what takes the
time is else how many kernels there are, each of which the host describes and the GPU begins."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlxtts.nn import mx
from mlxtts.nn.cuda.kernels import kernel

if TYPE_CHECKING:
    from mlxtts.nn.cuda import Held
    from mlxtts.nn.quantization import Packing

THREADS = 512  # of a block
LARGEST = 45_000  # bytes of a block's memory
INPUTS = ("x", "before", "after", "eps", "held", "positions", "rates", "meeting")
MATRICES = tuple(f"{part}{n}" for n in range(4) for part in "msb")
OUTPUTS = ("queries", "attended", "sum", "gated", "next")

Matrix = tuple[mx.array, mx.array, mx.array]
"""(M, N) in the model's own type; or packed, with its scales and biases."""


def matrix(parts: dict[str, mx.array]) -> Matrix:
    """From a layer's parameters."""
    nothing = mx.zeros((1,), dtype=parts["weight"].dtype)
    return parts["weight"], parts.get("scales", nothing), parts.get("biases", nothing)


def fits(
    matrices: Sequence[Matrix],
    packings: Sequence[Packing | None],
    kind: mx.Dtype,
    groups: int,
    dim: int,
) -> bool:
    """Whether there is a kernel for such a layer and rows of this type: its matrices as in `layer`,
    all packed in one way; heads of `dim` numbers, so many of them for the same keys."""
    packing = packings[0]
    if any(other != packing for other in packings):
        return False
    if packing and (packing.mode != "affine" or packing.bits not in (4, 8)):
        return False
    sizes = [
        weight.shape[1] * 32 // packing.bits if packing else weight.shape[1]
        for weight, _, _ in matrices
    ]
    whole = all(size % 8 == 0 for size in sizes) and all(s.dtype == kind for _, s, _ in matrices)
    row = max(sizes) * (kind.size + 4 * packing.bits / 128 if packing else kind.size + 0.5)
    return whole and max(row, THREADS // 32 * groups * (dim + 2) * 4) <= LARGEST


def layer(
    x: mx.array,
    norms: tuple[mx.array, mx.array],
    eps: mx.array,
    matrices: Sequence[Matrix],
    packing: Packing | None,
    held: Held,
    positions: mx.array,
    rates: mx.array,
    meeting: mx.array,
) -> mx.array:
    """What comes after a layer, from what comes before it, (1, N).

    norms: by what the row, normalised with eps, (1,) float32, is multiplied before attention and
    before what follows it, (N,) each. matrices: for queries, keys and values; after attention; for
    gates and what they let through; and the last. held, which is not in 8 bits and is changed,
    positions and rates as for `place`. meeting: (1024,) uint32, zero at first, for no other kernel
    that may run at the same time.
    """
    there, _ = held
    _, groups, _, dim = there.shape
    (qkv, _, _), _, (gate_up, _, _), _ = matrices
    heads, size = len(qkv) // dim - groups, len(gate_up) // 2
    bits, group = (packing.bits, packing.group_size) if packing else (0, 1)
    shape = [("N", x.shape[1]), ("M", size), ("H", heads), ("K", groups // 2), ("D", dim)]
    how = [("BITS", bits), ("GROUP", group), ("THREADS", THREADS), ("BLOCKS", multiprocessors())]
    wide = (1, heads * dim)
    *_, after = kernel("layer", (*INPUTS, *MATRICES), *OUTPUTS)(
        inputs=[
            x,
            *norms,
            eps,
            there,
            positions,
            rates,
            meeting,
            *(a for m in matrices for a in m),
        ],
        template=[("T", x.dtype), *shape, *how],
        grid=(multiprocessors() * THREADS, 1, 1),
        threadgroup=(THREADS, 1, 1),
        output_shapes=[wide, wide, x.shape, (1, size), x.shape],
        output_dtypes=[x.dtype] * 5,
    )
    return after


@functools.cache
def multiprocessors() -> int:
    """How many the GPU has: as many blocks run at the same time at least."""
    count, attribute = ctypes.c_int(), 16  # CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT
    driver = ctypes.CDLL("libcuda.so.1")
    if status := driver.cuDeviceGetAttribute(ctypes.byref(count), attribute, 0):
        raise RuntimeError(f"CUDA: error {status}")
    return count.value
