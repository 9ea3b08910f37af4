"""Kernels for CUDA, compiled for a CPU to be run thread by thread."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mlxtts.nn.cuda.kernels import source
from tests.nn.doubles import Numbers

HERE = Path(__file__).parent
KINDS = {
    "f": "const float*",
    "F": "float*",
    "i": "const int*",
    "I": "int*",
    "u": "const uint32_t*",
    "b": "const int8_t*",
}
"""Types of arguments; MLX gives a kernel its inputs as constants."""


def written(kernels: Mapping[str, tuple[str, str]]) -> str:
    """Kernels, each by its arguments and constants, as one file in C++. What follows a dot in a
    name tells several of one kernel apart."""
    parts = [(HERE / "fibers.h").read_text(), source("shared")]
    for name, (arguments, constants) in kernels.items():
        given = [argument.split() for argument in arguments.split(", ")]
        head = ", ".join(f"{KINDS[kind]} {argument}" for kind, argument in given)
        names = ", ".join(argument for _, argument in given)
        stored = "int8_t" if "b" in dict(given) else "float"
        whole = name.replace(".", "_")
        parts += [
            f"static void {whole}_body({head}) {{ using T = float; using Stored = {stored};",
            f"constexpr int {constants};",
            source(name.partition(".")[0]),
            f'}}\nextern "C" void {whole}(int across, int down, int threads, {head}) {{',
            f"launch({{across, down}}, threads, [=] {{ {whole}_body({names}); }}); }}",
        ]
    return "\n".join(parts)


def built(kernels: Mapping[str, tuple[str, str]], folder: Path) -> ctypes.CDLL:
    (folder / "kernels.cpp").write_text(written(kernels))
    command = ["g++", "-std=c++20", "-O1", "-shared", "-fPIC", "-o", "kernels.so", "kernels.cpp"]
    subprocess.run(command, cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "kernels.so"))


def run(kernel: object, grid: tuple[int, int], threads: int, *arrays: Numbers) -> None:
    assert all(array.flags.c_contiguous for array in arrays)
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
    kernel(*grid, threads, *pointers)  # type: ignore[operator]


def shape(array: Numbers) -> Numbers:
    return np.array(array.shape, dtype=np.int32)


def numbers(*size: int) -> Numbers:
    return np.random.default_rng(sum(size)).standard_normal(size).astype(np.float32)
