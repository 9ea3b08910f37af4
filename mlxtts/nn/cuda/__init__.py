"""Kernels for NVIDIA's GPUs, where MLX's own operations would move too much memory or be too many.

MLX never changes an array: to add a position to a cache, it copies the whole cache as long as the
last step, which reads it, is under way. `place` and `copy_row` write into their input instead. That
is safe because what reads the cache after `place` is given an output of it, and because rows are
copied in an evaluation of their own, which the GPU finishes before the next (nn.slots).
"""

from __future__ import annotations

from collections.abc import Sequence

from mlxtts.nn import mx
from mlxtts.nn.cuda.kernels import constants, kernel

WARPS, MORE = 4, 16  # of a block of `attend`: so many that several blocks fit a multiprocessor, and
FEW = 64  # of so few blocks that each has one to itself, as many as fit
THREADS = 1024  # of a block at most
PIECE = 8  # numbers that a thread reads at once

Held = tuple[mx.array, mx.array]
"""Keys and values of a layer, (rows, 2 kv_heads, columns, D), in the model's own type or int8; and
in that case what 1 stands for, (rows, 2 kv_heads, columns) in float32."""


def fits(head_dim: int) -> bool:
    """Whether there are kernels for such heads: threads that share a position divide a warp."""
    return head_dim % PIECE == 0 and 32 % (head_dim // PIECE) == 0


def fits_packed(heads: int, groups: int, head_dim: int) -> bool:
    """Whether there are kernels for keys and values of 8 bits, of so many heads for the queries and
    so many for them."""
    return head_dim in (64, 128) and heads <= 4 * groups


def place(qkv: mx.array, held: Held, positions: mx.array, rates: mx.array, heads: int) -> mx.array:
    """Turn queries and keys by their rows' positions, and put keys and values where they belong.

    qkv: (B, (heads + 2 kv_heads) * D); held: see Held, which is changed; positions: (B or more,)
    int32, below `columns`; rates: (D / 2,) radians a position. Returns the queries, (B, heads * D):
    only what is computed from them may read what was put.
    """
    there, scales = held
    batch, (_, groups, _, dim) = len(qkv), there.shape
    run = kernel("place", ("qkv", "held", "scales", "positions", "rates"), "queries")
    kinds = [("T", qkv.dtype), ("Stored", there.dtype)]
    (queries,) = run(
        inputs=[qkv, there, scales, positions, rates],
        template=[*kinds, ("H", heads), ("K", groups // 2), ("D", dim)],
        grid=(dim // 2 * (heads + groups), batch, 1),
        threadgroup=(dim // 2, 1, 1),
        output_shapes=[(batch, heads * dim)],
        output_dtypes=[qkv.dtype],
    )
    return queries


def turn(qkv: mx.array, rates: mx.array, heads: int, dim: int) -> tuple[mx.array, mx.array]:
    """Turn the queries and keys of prompts, from their first position on.

    qkv: (B, T, (heads + 2 kv_heads) * dim); rates as for `place`. Returns the queries, (B, heads,
    T, dim), and the keys and values, (B, 2 kv_heads, T, dim).
    """
    batch, time, width = qkv.shape
    groups = width // dim - heads
    queries, held = kernel("turn", ("qkv", "rates"), "queries", "held")(
        inputs=[qkv, rates],
        template=[("T", qkv.dtype), ("H", heads), ("K", groups // 2), ("D", dim)],
        grid=(dim // 2 * (heads + groups), batch * time, 1),
        threadgroup=(dim // 2, 1, 1),
        output_shapes=[(batch, heads, time, dim), (batch, groups, time, dim)],
        output_dtypes=[qkv.dtype, qkv.dtype],
    )
    return queries, held


def attend(queries: mx.array, held: Held, positions: mx.array) -> mx.array:
    """Attention of one position a row, (B, heads * D), to its own and all before; `held` and
    `positions` as for `place`. Returns (B, heads * D)."""
    there, _ = held
    batch, (_, groups, _, dim) = len(queries), there.shape
    heads, groups = queries.shape[1] // dim, groups // 2
    warps = MORE if batch * groups <= FEW else WARPS
    if packed := there.dtype == mx.int8:
        run = kernel("attend_packed", ("queries", "held", "scales", "positions"), "attended")
    else:
        run = kernel("attend", ("queries", "held", "positions"), "attended")
    (attended,) = run(
        inputs=[queries, *(held if packed else [there]), positions],
        template=[("T", queries.dtype), ("H", heads), ("K", groups), ("D", dim), ("W", warps)],
        grid=(32 * warps * groups, batch, 1),
        threadgroup=(32 * warps, 1, 1),
        output_shapes=[queries.shape],
        output_dtypes=[queries.dtype],
    )
    return attended


def add_rms_norm(
    x: mx.array, y: mx.array, weight: mx.array, eps: mx.array
) -> tuple[mx.array, mx.array]:
    """x + y, (..., N), and that by its root mean square times `weight`, (N,); eps: (1 or more,)
    float32, the first counts; N is a multiple of PIECE."""
    size = x.shape[-1]
    threads = min(-(-size // PIECE // 32) * 32, THREADS)
    total, normal = kernel("add_rms_norm", ("x", "y", "weight", "eps"), "sum", "normal")(
        inputs=[x, y, weight, eps],
        template=[("T", x.dtype), ("N", size), ("THREADS", threads)],
        grid=(threads * (x.size // size), 1, 1),
        threadgroup=(threads, 1, 1),
        output_shapes=[x.shape, x.shape],
        output_dtypes=[x.dtype, x.dtype],
    )
    return total, normal


def gate(both: mx.array) -> mx.array:
    """Gates beside what they let through, (..., 2 N), to x * sigmoid(x) * y, (..., N); N is a
    multiple of PIECE."""
    size = both.shape[-1] // 2
    (gated,) = kernel("gate", ("both",), "gated")(
        inputs=[both],
        template=[("T", both.dtype), ("N", size)],
        grid=(-(-size // PIECE // 256) * 256, both.size // size // 2, 1),
        threadgroup=(256, 1, 1),
        output_shapes=[(*both.shape[:-1], size)],
        output_dtypes=[both.dtype],
    )
    return gated


def copy_row(
    sources: Sequence[mx.array], row: int, held: Sequence[mx.array], to: int, count: int
) -> list[mx.array]:
    """Copy the first `count` positions of a row of each source, (rows, R, columns, D), to a row of
    each of `held`, which are changed when what is returned has been evaluated."""
    _, heads, _, dim = held[0].shape
    run = kernel("copy_row", ("source", "held", "numbers"), "done")
    numbers = mx.array([row, to, count], dtype=mx.int32)
    done = [
        run(
            inputs=[theirs, ours, numbers],
            template=[("T", ours.dtype), ("R", heads), ("D", dim)],
            grid=(-(-count * dim // PIECE // 256) * 256, heads, 1),
            threadgroup=(256, 1, 1),
            output_shapes=[(1,)],
            output_dtypes=[mx.int32],
        )
        for theirs, ours in zip(sources, held, strict=True)
    ]
    return [each for (each,) in done]


def pack_row(
    sources: Sequence[mx.array], row: int, held: Sequence[Held], to: int, count: int
) -> list[mx.array]:
    """`copy_row` to keys and values of 8 bits."""
    _, heads, _, dim = held[0][0].shape
    run = kernel("pack_row", ("source", "held", "scales", "numbers"), "done")
    numbers = mx.array([row, to], dtype=mx.int32)
    done = [
        run(
            inputs=[theirs, *ours, numbers],
            template=[("T", theirs.dtype), ("R", heads), ("D", dim)],
            grid=(count * dim, heads, 1),
            threadgroup=(dim, 1, 1),
            output_shapes=[(1,)],
            output_dtypes=[mx.int32],
        )
        for theirs, ours in zip(sources, held, strict=True)
    ]
    return [each for (each,) in done]


def choose(
    logits: mx.array, settings: mx.array, noise: mx.array, said: mx.array, slot: int
) -> mx.array:
    """`penalise` and `sample` of nn.sampling in one, without top-k: indices, (B,) int32.

    logits: (B, N); settings: (B, 5), temperature, whether to draw, top-p, min-p, penalty; noise:
    (B, S, N or more) and said: (B, M, S), of which those at `slot` count.
    """
    batch, size = logits.shape
    inputs = ("logits", "settings", "noise", "said", "slot")
    run = kernel("choose", inputs, "chosen")
    shape = [("N", size), ("M", said.shape[1]), ("S", said.shape[2]), ("L", noise.shape[2])]
    (chosen,) = run(
        inputs=[logits, settings, noise, said, constants(slot, kind=mx.int32)],
        template=[("T", logits.dtype), *shape],
        grid=(256 * batch, 1, 1),
        threadgroup=(256, 1, 1),
        output_shapes=[(batch,)],
        output_dtypes=[mx.int32],
    )
    return chosen


def recur(inputs: mx.array, weights: mx.array, lengths: mx.array) -> mx.array:
    """The steps of a bidirectional LSTM, of each row as many as it has.

    inputs: what comes from outside to the gates, (2, B, T, 4 * hidden) in float32; weights:
    (2, hidden, 4 * hidden), hidden at most 1024; lengths: (B,) int32. Returns (B, T, 2 * hidden),
    zero beyond a row.
    """
    _, batch, time, gates = inputs.shape
    hidden = gates // 4
    shares = min(4, 1024 // hidden)  # of a gate's sum, a thread each
    run = kernel("recur", ("inputs", "weights", "lengths"), "states")
    (states,) = run(
        inputs=[inputs, weights, lengths],
        template=[("T", weights.dtype), ("H", hidden), ("P", shares)],
        grid=(2 * hidden * shares, batch, 1),
        threadgroup=(hidden * shares, 1, 1),
        output_shapes=[(batch, time, 2 * hidden)],
        output_dtypes=[mx.float32],
    )
    return states
