"""The kernels of nn.cuda.encoder, compiled for a CPU and run thread by thread, against what they
should compute, in numpy."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from tests.conftest import needs
from tests.nn.cuda import doubles
from tests.nn.kernels import built, numbers, run, shape

pytestmark = needs("g++")
ATTEND = "f qkv, i qkv_shape, i lengths, i lengths_shape, F attended"
NORM = "f signal, i signal_shape, f added, f bias, f scale, f shift, f epsilon, F normed"
KERNELS = {
    "attend_all.wide": (ATTEND, "H=2, D=64, W=4"),
    "attend_all.odd": (ATTEND, "H=3, D=6, W=2"),
    "add_layer_norm": (NORM, "W=70, R=4"),
}


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return built(KERNELS, tmp_path_factory.mktemp("kernels"))


@pytest.mark.parametrize(("name", "heads", "dim", "warps"), [("wide", 2, 64, 4), ("odd", 3, 6, 2)])
@pytest.mark.parametrize("lengths", [[1], [32], [70, 33, 2]])
def test_attend_all(
    kernels: ctypes.CDLL, name: str, heads: int, dim: int, warps: int, lengths: list[int]
) -> None:
    rows, time = len(lengths), max(lengths) + 3
    qkv, counts = 2 * numbers(rows * time, 3 * heads * dim), np.array(lengths, np.int32)
    for row, length in enumerate(lengths):  # keys and values that are not looked at
        qkv[row * time + length : (row + 1) * time, heads * dim :] = np.nan
    wanted = doubles.all_attended(qkv, counts, heads)
    found = np.full_like(wanted, np.nan)
    grid = heads * -(-time // (4 * warps)), rows
    kernel = getattr(kernels, f"attend_all_{name}")
    run(kernel, grid, 32 * warps, qkv, shape(qkv), counts, shape(counts), found)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("count", [1, 4, 9])
def test_add_layer_norm(kernels: ctypes.CDLL, count: int) -> None:
    x, added = 100 + numbers(count, 70), numbers(count, 70) + 1
    bias, scale, shift = numbers(70), numbers(1, 70)[0], numbers(2, 70)[0]
    wanted = doubles.normed(x, added, bias, scale, shift, 1e-3)
    found, epsilon = np.full_like(x, np.nan), np.array([1e-3], "f")
    given = (x, shape(x), added, bias, scale, shift, epsilon, found)
    run(kernels.add_layer_norm, (-(-count // 4), 1), 128, *given)
    np.testing.assert_allclose(found, wanted, atol=1e-4)
