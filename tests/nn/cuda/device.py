"""MLX's custom kernels without a GPU: compiled for a CPU when they are first called, and run thread
by thread on arrays of MLX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlxtts.nn import mx
from mlxtts.nn.cuda.kernels import source
from tests.nn.doubles import memory
from tests.nn.kernels import built, run, shape

LETTERS = {"float32": "f", "int32": "i", "uint32": "u"}


class Device:
    """`kernel` is to stand in the place of nn.cuda.kernels'. What it makes begins as NaN, so that
    what a kernel forgets is seen."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._built: dict[tuple[str, str], Any] = {}

    def kernel(self, name: str, inputs: tuple[str, ...], *outputs: str) -> Callable[..., Any]:
        def call(
            inputs: Sequence[mx.array],
            template: Sequence[tuple[str, Any]],
            grid: tuple[int, int, int],
            threadgroup: tuple[int, int, int],
            output_shapes: Sequence[tuple[int, ...]],
            output_dtypes: Sequence[mx.Dtype],
            names: tuple[str, ...] = inputs,
        ) -> list[mx.array]:
            assert set(output_dtypes) == {mx.float32}
            arguments, arrays, copies = [], [], []  # MLX aligns to less than a kernel wants
            for each, array in zip(names, (np.array(array) for array in inputs), strict=True):
                arguments.append(f"{LETTERS[array.dtype.name]} {each}")
                arrays.append(np.ascontiguousarray(array))
                copies.append(arrays[-1])
                if f"{each}_shape" in source(name):
                    arguments.append(f"i {each}_shape")
                    arrays.append(shape(array))
            made = [np.full(size, np.nan, np.float32) for size in output_shapes]
            arguments += [f"F {each}" for each in outputs]
            given = [f"{constant}={value}" for constant, value in template if constant != "T"]
            constants = ", ".join(given or ["NONE=0"])
            compiled = self._compiled(name, ", ".join(arguments), constants)
            blocks = -(-grid[0] // threadgroup[0]), grid[1]
            run(getattr(compiled, name), blocks, threadgroup[0], *arrays, *made)
            for array, copy in zip(inputs, copies, strict=True):
                memory(array)[...] = copy  # a kernel may change it
            return [mx.array(array) for array in made]

        return call

    def _compiled(self, name: str, arguments: str, constants: str) -> Any:
        if (name, constants) not in self._built:
            folder = self._folder / str(len(self._built))
            folder.mkdir()
            self._built[name, constants] = built({name: (arguments, constants)}, folder)
        return self._built[name, constants]
