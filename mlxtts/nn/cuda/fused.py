"""Elementwise functions in one operation, where that counts."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec

from mlxtts.nn import mx, on_cuda

P = ParamSpec("P")


def in_one(function: Callable[P, mx.array]) -> Callable[P, mx.array]:
    """The same, compiled on CUDA. On a CPU that would need a compiler, and not be faster."""
    compiled = mx.compile(function)

    @functools.wraps(function)
    def run(*arguments: P.args, **named: P.kwargs) -> mx.array:
        return (compiled if on_cuda() else function)(*arguments, **named)

    return run
