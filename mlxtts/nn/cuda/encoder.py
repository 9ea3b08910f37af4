"""Kernels for encoders that see the whole of each row: attention, and what follows a product.

Of float32. MLX has attention in one operation for 16 bits only. `lengths`: how many positions of
each row are its own, (B,) int32.
"""

from __future__ import annotations

from mlxtts.nn import mx
from mlxtts.nn.cuda.kernels import constants, kernel

WARPS, QUERIES = 4, 16
"""Of a block of `attend_all`."""
ROWS = 4
"""Of a block of `add_layer_norm`."""


def attend_all(qkv: mx.array, lengths: mx.array, heads: int) -> mx.array:
    """Attention of each position to all of its row's own: of queries, keys and values, each of all
    heads, (B * T, 3 * heads * D), to (B * T, heads * D)."""
    count, width = qkv.shape
    time = count // len(lengths)
    run = kernel("attend_all", ("qkv", "lengths"), "attended")
    (attended,) = run(
        inputs=[qkv, lengths],
        template=[("H", heads), ("D", width // 3 // heads), ("W", WARPS)],
        grid=(32 * WARPS * heads * -(-time // QUERIES), len(lengths), 1),
        threadgroup=(32 * WARPS, 1, 1),
        output_shapes=[(count, width // 3)],
        output_dtypes=[mx.float32],
    )
    return attended


def add_layer_norm(
    x: mx.array, added: mx.array, bias: mx.array, scale: mx.array, shift: mx.array, epsilon: float
) -> mx.array:
    """Layer norm, with `scale` and `shift`, of the sum of (N, W), (N, W) and a bias, (W,)."""
    count, width = x.shape
    names = ("signal", "added", "bias", "scale", "shift", "epsilon")
    run = kernel("add_layer_norm", names, "normed")
    (normed,) = run(
        inputs=[x, added, bias, scale, shift, constants(epsilon)],
        template=[("W", width), ("R", ROWS)],
        grid=(32 * ROWS * -(-count // ROWS), 1, 1),
        threadgroup=(32 * ROWS, 1, 1),
        output_shapes=[x.shape],
        output_dtypes=[mx.float32],
    )
    return normed
