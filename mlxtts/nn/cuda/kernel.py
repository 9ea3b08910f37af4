"""A kernel from its file."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from mlxtts.nn import mx


def source(name: str) -> str:
    """The body of a kernel; MLX writes its head. T, H and the like are template arguments."""
    return Path(__file__).with_name(f"{name}.cu").read_text(encoding="utf8")


@functools.cache
def kernel(name: str, inputs: tuple[str, ...], *outputs: str) -> Any:
    """What computes arrays of these names from arrays of those, which are made contiguous."""
    return mx.fast.cuda_kernel(
        name=name,
        input_names=[*inputs],
        output_names=[*outputs],
        header=source("shared"),
        source=source(name),
        ensure_row_contiguous=True,
    )


@functools.cache
def constants(*numbers: float) -> mx.array:
    """Numbers for kernels, put where the GPU finds them once."""
    return mx.array(numbers)
