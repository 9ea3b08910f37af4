"""The kernels of nn.cuda.units, compiled for a CPU, in the place of MLX's."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from mlxtts.nn import mx
from mlxtts.nn.cuda import units
from mlxtts.nn.cuda.kernel import source
from tests.nn.kernels import run, shape

STRETCH = "f given, i given_shape, f kept, i kept_shape, i places, i numbers, f alpha"
KERNELS = {
    "residual": (
        f"{STRETCH}, f weight, f biases, f beta, f shift, F made, F amid, F after",
        f"S={units.CHAIN}",
    ),
    "snake": (f"{STRETCH}, F made, F after", f"U={units.EACH}"),
    "overlap": (
        "f product, i product_shape, f bias, i bias_shape, u keys, i places, i numbers, "
        "F made, F noisy",
        f"U={units.EACH}, L={units.STEPS}",
    ),
    "collapse": (
        f"{STRETCH}, f weight, f bias, F made, F after".replace(", i kept_shape", ""),
        "NONE=0",
    ),
}

Kernel = Callable[..., list[mx.array]]


def on_a_cpu(library: ctypes.CDLL) -> Callable[..., Kernel]:
    """In the place of `kernel` of nn.cuda.kernel, `library` being KERNELS. Outputs begin as NaN, so
    that what a kernel forgets is seen."""

    def kernel(name: str, inputs: tuple[str, ...], *outputs: str) -> Kernel:
        arguments, constants = KERNELS[name]
        named = [pair.split()[1] for pair in arguments.split(", ")]
        assert named == [*_names(name, inputs), *outputs]

        def launch(**call: Any) -> list[mx.array]:
            given = ", ".join(f"{key}={value}" for key, value in call["template"] if key != "T")
            assert (given or "NONE=0") == constants
            arrays = _arrays(name, dict(zip(inputs, call["inputs"], strict=True)))
            found = [np.full(size, np.nan, "f") for size in call["output_shapes"]]
            (width, rows, _), (threads, _, _) = call["grid"], call["threadgroup"]
            assert width % threads == 0
            run(getattr(library, name), (width // threads, rows), threads, *arrays, *found)
            return [mx.array(each) for each in found]

        return launch

    return kernel


def _names(name: str, inputs: tuple[str, ...]) -> list[str]:
    """The arguments that MLX gives the kernel: shapes where it mentions them."""
    body = source(name)
    pairs = [(each, f"{each}_shape") for each in inputs]
    return [name for each, size in pairs for name in ([each, size] if size in body else [each])]


def _arrays(name: str, inputs: dict[str, mx.array]) -> list[np.ndarray[Any, Any]]:
    found = []
    for each in _names(name, tuple(inputs)):
        array = np.ascontiguousarray(np.array(inputs[each.removesuffix("_shape")]))
        found.append(shape(array) if each.endswith("_shape") else array)
    return found
