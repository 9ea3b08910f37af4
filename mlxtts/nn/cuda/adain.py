"""Kernels for networks that take on a style: what stands between two convolutions, in one or two
operations.

Each operation costs a GPU's host some 15 us, more than the work in it as long as a text is short.
Arrays are of float32, (B, T, C); `lengths` says how many steps of each row, (B,) int32, are its
own. Others are neither looked at nor, but where it says so, written.
"""

from __future__ import annotations

from mlxtts.nn import mx
from mlxtts.nn.cuda.kernels import constants, kernel

LANES, HELD = 16, 32
"""Warps of a block, and steps that each of their threads holds; so that it stays below the 128
registers that there are for each of as many threads."""
STRETCH = LANES * HELD
SHAPE = [("L", LANES), ("N", HELD)]


def moments(
    x: mx.array, lengths: mx.array, added: mx.array | None = None, bias: mx.array | None = None
) -> tuple[mx.array, mx.array]:
    """Mean of each channel, and squares around it, in every STRETCH of steps, (B, stretches, 2, C);
    and what they are of: `x`, or the sum of it, `added` and `bias`, (C,)."""
    batch, time, channels = x.shape
    stretches = -(-time // STRETCH)
    add = added is not None
    run = kernel("moments", ("signal", "added", "bias", "lengths"), "parts", "sum")
    parts, total = run(
        inputs=[x, added if add else x, bias if add else x, lengths],
        template=[*SHAPE, ("ADD", int(add))],
        output_shapes=[(batch, stretches, 2, channels), x.shape if add else (1,)],
        output_dtypes=[mx.float32, mx.float32],
        **_blocks(x, stretches),
    )
    return parts, total if add else x


def styled(
    x: mx.array,
    wanted: mx.array,
    bend: mx.array | float,
    lengths: mx.array,
    parts: mx.array | None = None,
) -> mx.array:
    """Each channel of a row normalised over time, then times 1 more than the first half of
    `wanted`, (2 * C, B), plus the second; then a snake of `bend`, (C,), or a leaky ReLU of that
    slope. Zero beyond a row. `parts`: the moments of `x`, if they are known."""
    stretches = -(-x.shape[1] // STRETCH)
    if parts is None and stretches > 1:
        parts, x = moments(x, lengths)
    run = kernel("styled", ("signal", "wanted", "bend", "lengths", "parts"), "bent")
    snake = isinstance(bend, mx.array)
    alpha = bend if isinstance(bend, mx.array) else constants(bend)
    (bent,) = run(
        inputs=[x, wanted, alpha, lengths, wanted if parts is None else parts],
        template=[*SHAPE, ("ALONE", int(parts is None)), ("SNAKE", int(snake))],
        output_shapes=[x.shape],
        output_dtypes=[mx.float32],
        **_blocks(x, stretches),
    )
    return bent


def _blocks(x: mx.array, stretches: int) -> dict[str, tuple[int, int, int]]:
    """One for each stretch of 32 channels of a row."""
    batch, _, channels = x.shape
    threads = 32 * LANES
    grid = (threads * stretches * -(-channels // 32), batch, 1)
    return {"grid": grid, "threadgroup": (threads, 1, 1)}
