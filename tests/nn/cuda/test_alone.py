"""The functions of nn.cuda.alone with their kernels run thread by thread on a CPU, against their
doubles."""

from __future__ import annotations

import numpy as np
import pytest

from mlxtts.nn import mx
from mlxtts.nn.cuda import alone
from mlxtts.nn.quantization import Packing
from tests.conftest import needs
from tests.nn import doubles
from tests.nn.cuda.device import Device
from tests.nn.kernels import numbers

pytestmark = needs("g++")
EPS = mx.array([1e-5])
PACKINGS = [None, Packing(64, 4), Packing(32, 4), Packing(128, 8), Packing(32, 8)]


@pytest.fixture(autouse=True)
def kernels_on_a_cpu(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone, "kernel", device.kernel)


def row(size: int) -> mx.array:
    return mx.array(numbers(1, size))


def matrix(rows: int, size: int, packing: Packing | None) -> alone.Matrix:
    weight = mx.array(numbers(rows, size)) / size**0.5
    parts = [weight]
    if packing:
        parts = [*mx.quantize(weight, **packing.options)]
    return alone.matrix(dict(zip(("weight", "scales", "biases"), parts, strict=False)))


def same(found: mx.array, expected: mx.array) -> None:
    np.testing.assert_allclose(np.array(found), np.array(expected), atol=2e-5)


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("size", [128, 640, 3072])
def test_multiply_add(packing: Packing | None, size: int) -> None:
    given = row(size), matrix(7, size, packing), packing, row(7)
    same(alone.multiply_add(*given), doubles.multiply_add(*given))


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("size", [128, 1280])
def test_multiply_gate(packing: Packing | None, size: int) -> None:
    given = row(size), 1 + row(size)[0] / 9, EPS, matrix(14, size, packing), packing
    same(alone.multiply_gate(*given), doubles.multiply_gate(*given))


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("position", [0, 9])
def test_multiply_place(packing: Packing | None, position: int) -> None:
    held, positions = numbers(3, 4, 16, 8), mx.array([position, 1, 2], dtype=mx.int32)
    rates = mx.array([1, 0.5, 0.25, 0.125])
    given = row(256), 1 + row(256)[0] / 9, EPS, matrix(10 * 8, 256, packing), packing
    found, expected = (
        (run(*given, (there, mx.zeros((1,))), positions[:1], rates), there)
        for run, there in (
            (alone.multiply_place, mx.array(held)),
            (doubles.multiply_place, mx.array(held)),
        )
    )
    for mine, its in zip(found, expected, strict=True):
        same(mine, its)
    changed = (np.array(found[1]) != held).any((-1, -3))
    assert changed.tolist() == [[n == position for n in range(16)], [False] * 16, [False] * 16]


@pytest.mark.parametrize(
    ("shape", "packing", "kind", "there"),
    [
        ((5, 3072), None, mx.bfloat16, True),
        ((5, 3072), Packing(64, 4), mx.bfloat16, True),
        ((5, 3072), Packing(64, 6), mx.bfloat16, False),
        ((5, 3072), Packing(32, 4, "mxfp4"), mx.bfloat16, False),
        ((5, 14336), None, mx.float16, True),
        ((5, 14336), None, mx.float32, False),
        ((5, 3070), None, mx.bfloat16, False),
    ],
)
def test_what_fits(
    shape: tuple[int, int], packing: Packing | None, kind: mx.Dtype, there: bool
) -> None:
    weight = mx.zeros(shape, dtype=kind)
    parts = {"weight": weight}
    if packing:
        weight, scales = mx.quantize(weight, **packing.options)[:2]
        parts = {"weight": weight, "scales": scales}
    assert alone.fits(alone.matrix(parts), packing, kind) is there
    assert alone.fits(alone.matrix(parts), packing, mx.int8) is False
