"""Room in the caches of MLX's CUDA backend, and when it is to do without CUDA graphs.

MLX keeps CUDA graphs and the plans of cuDNN by their shapes, and raises an exception once it has
made twice as many as it keeps, over the whole life of the program, to say that it is slow. Texts
have as many shapes as they have lengths, and a server lives long: to be slow now and then is right
for it, and to end is not. On other devices none of this has a meaning.
"""

from __future__ import annotations

import os

SETTINGS = {
    "MLX_ENABLE_CACHE_THRASHING_CHECK": "0",
    "MLX_CUDA_CONV_CACHE_SIZE": "2048",
}
"""MLX's names for them (mlx/backend/cuda/lru_cache.h and its users, 0.32)."""


def make_room() -> None:
    """Set what the user has not set, before MLX reads it."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)


MANY = 128
"""Rows from which on graphs cost more than they save."""


def expect(rows: int) -> None:
    """Say, before MLX computes anything, how many rows it will at a time.

    MLX collects operations in CUDA graphs of some 100, or of what reads a thousand million numbers,
    and goes on once no more than ten of them wait. Of many rows a layer's keys and values are as
    many, so that graphs end with every layer, and the GPU has run out of them before the host has
    done what else there is to do for so many. Without graphs it has a thousand operations to go on
    with; for few rows they are the quicker way.
    """
    if rows >= MANY:
        os.environ.setdefault("MLX_USE_CUDA_GRAPHS", "0")
