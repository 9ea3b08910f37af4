"""A kernel from its file."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from mlxtts.nn import mx
from mlxtts.nn.cuda.compiler import compiled

TYPES = {
    mx.float32: "float",
    mx.float16: "float16",
    mx.bfloat16: "bfloat16",
    mx.int8: "int8_t",
    mx.int32: "int",
    mx.uint32: "uint32_t",
}

FEWEST = 4
"""Numbers of 32 bits that are an array in the GPU's own memory."""

SYMBOL = "SYMBOL"
"""Stands for a kernel's name until its source is known."""

Size = tuple[int, int, int]
Template = Sequence[tuple[str, int | mx.Dtype]]


def source(name: str) -> str:
    """The body of a kernel. T, H and the like are constants that a call gives; what X_shape is of
    an input X, it knows."""
    return Path(__file__).with_name(f"{name}.cu").read_text(encoding="utf8")


@functools.cache
def kernel(name: str, names: tuple[str, ...], *outputs: str) -> Callable[..., list[mx.array]]:
    """What computes arrays of these names from arrays of those, which are made contiguous."""
    shaped = [f"{each}_shape" in source(name) for each in names]

    def run(
        inputs: Sequence[mx.array],
        template: Template,
        grid: Size,
        threadgroup: Size,
        output_shapes: Sequence[tuple[int, ...]],
        output_dtypes: Sequence[mx.Dtype],
    ) -> list[mx.array]:
        given = zip(names, inputs, shaped, strict=True)
        kinds = [(n, x.dtype, x.ndim if s else 0) for n, x, s in given]
        results = zip(outputs, output_dtypes, strict=True)
        threads = threadgroup[0] * threadgroup[1] * threadgroup[2]
        how = tuple(template), threads
        symbol, code = _machine_code(name, tuple(kinds), tuple(results), *how)
        return mx.fast.precompiled_cuda_kernel(
            name=symbol,
            compiled_source=code,
            inputs=[*inputs],
            output_shapes=output_shapes,
            output_dtypes=output_dtypes,
            scalars=[n for x, s in zip(inputs, shaped, strict=True) if s for n in x.shape],
            grid=grid,
            threadgroup=threadgroup,
            ensure_row_contiguous=True,
        )

    return run


@functools.cache
def _machine_code(
    name: str,
    inputs: tuple[tuple[str, mx.Dtype, int], ...],
    outputs: tuple[tuple[str, mx.Dtype], ...],
    template: tuple[tuple[str, int | mx.Dtype], ...],
    threads: int,
) -> tuple[str, bytes]:
    """The name of a function for blocks of so many threads, and what it is compiled to. Inputs with
    as many dimensions as matter, whose sizes follow the outputs."""
    whole = written(name, inputs, outputs, template, threads)
    symbol = f"{name}_{hashlib.sha256(whole.encode()).hexdigest()[:16]}"
    return symbol, compiled(whole.replace(SYMBOL, symbol), _architecture())


def written(
    name: str,
    inputs: Sequence[tuple[str, mx.Dtype, int]],
    outputs: Sequence[tuple[str, mx.Dtype]],
    template: Template,
    threads: int,
) -> str:
    """All of a kernel's source."""
    arguments = [f"const {TYPES[kind]}* {each}" for each, kind, _ in inputs]
    arguments += [f"{TYPES[kind]}* {each}" for each, kind in outputs]
    body = []
    for each, _, dimensions in inputs:
        sizes = [f"{each}_shape_{n}" for n in range(dimensions)]
        arguments += [f"int {size}" for size in sizes]
        if sizes:
            body.append(f"const int {each}_shape[] = {{{', '.join(sizes)}}};")
    for constant, value in template:
        if isinstance(value, int):
            body.append(f"constexpr int {constant} = {value};")
        else:
            body.append(f"using {constant} = {TYPES[value]};")
    bounds = f"__launch_bounds__({threads})"  # or it may use more registers than they have
    head = f'extern "C" __global__ {bounds} void {SYMBOL}({", ".join(arguments)}) {{'
    return "\n".join([source("types"), source("shared"), head, *body, source(name), "}"])


@functools.cache
def _architecture() -> str:
    return str(mx.device_info()["architecture"])


@functools.cache
def constants(*numbers: float, kind: mx.Dtype = mx.float32) -> mx.array:
    """Numbers for kernels, put where the GPU finds them once; and more after them, if need be, for
    MLX keeps what is no larger than 8 bytes in the host's memory (`small_block_size` in its
    mlx/backend/cuda/allocator.cpp, 0.32), where each warp that reads it waits for the bus."""
    return mx.array([*numbers, *[0] * (FEWEST - len(numbers))], dtype=kind)
