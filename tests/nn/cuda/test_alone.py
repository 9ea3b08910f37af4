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
PACKINGS = [None, Packing(64, 4), Packing(32, 4), Packing(128, 8), Packing(32, 8)]
DIM, HEADS, GROUPS = 64, 6, 2


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Device:
    return Device(tmp_path_factory.mktemp("alone"))


@pytest.fixture(autouse=True)
def kernels_on_a_cpu(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone, "kernel", device.kernel)
    monkeypatch.setattr(alone, "multiprocessors", lambda: 1)


def matrix(rows: int, size: int, packing: Packing | None, kind: mx.Dtype) -> alone.Matrix:
    weight = (mx.array(numbers(rows, size)) / size**0.5).astype(kind)
    parts = mx.quantize(weight, **packing.options) if packing else [weight]
    return alone.matrix(dict(zip(("weight", "scales", "biases"), parts, strict=False)))


def matrices(
    size: int, middle: int, packing: Packing | None = None, kind: mx.Dtype = mx.float32
) -> list[alone.Matrix]:
    wide = HEADS * DIM
    shapes = ((wide + 2 * GROUPS * DIM, size), (size, wide), (2 * middle, size), (size, middle))
    return [matrix(*shape, packing, kind) for shape in shapes]


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize(
    ("size", "middle", "position"), [(128, 256, 0), (256, 128, 1), (256, 1280, 77)]
)
def test_a_layer(packing: Packing | None, size: int, middle: int, position: int) -> None:
    first, eps = mx.array(numbers(1, size)), mx.array([1e-5])
    norms = 1 + mx.array(numbers(size)) / 9, 1 + mx.array(numbers(size + 1))[1:] / 9
    rates = mx.array(np.geomspace(1, 1e-3, DIM // 2).astype("f"))
    weights, places = matrices(size, middle, packing), mx.array([position], dtype=mx.int32)
    before = numbers(1, 2 * GROUPS, 96, DIM)
    before[:, :, position:] = np.nan  # what is not there yet
    results = []
    for run in (alone.layer, doubles.layer):
        held, meeting = mx.array(before), mx.zeros(2, dtype=mx.uint32)
        there = held, mx.zeros(1)
        x = run(first, norms, eps, weights, packing, there, places, rates, meeting)
        results.append((np.array(x), np.array(held)))
    for mine, its in zip(*results, strict=True):
        np.testing.assert_allclose(mine, its, atol=5e-5)
    there = np.isfinite(results[0][1]).all((0, 1, 3))
    assert there.tolist() == [n <= position for n in range(96)]


@pytest.mark.parametrize(
    ("sizes", "packings", "kind", "there"),
    [
        ((256, 8192), [None] * 4, mx.bfloat16, True),
        ((256, 8192), [Packing(64, 4)] * 4, mx.bfloat16, True),
        ((256, 512), [*[Packing(64, 4)] * 3, Packing(64, 8)], mx.bfloat16, False),
        ((256, 512), [Packing(64, 6)] * 4, mx.bfloat16, False),
        ((256, 512), [Packing(32, 4, "mxfp4")] * 4, mx.bfloat16, False),
        ((256, 14336), [None] * 4, mx.float16, True),
        ((256, 14336), [None] * 4, mx.float32, False),
        ((252, 512), [None] * 4, mx.bfloat16, False),
    ],
)
def test_what_fits(
    sizes: tuple[int, int], packings: list[Packing | None], kind: mx.Dtype, there: bool
) -> None:
    shape = HEADS // GROUPS, DIM
    found = matrices(*sizes, kind=kind)
    if packings[0]:
        found = matrices(*sizes, Packing(64, 4), kind)
    assert alone.fits(found, packings, kind, *shape) is there
    other = mx.float16 if kind == mx.bfloat16 else mx.bfloat16
    assert not alone.fits(found, packings, other, *shape)
    assert not alone.fits(found, packings, kind, 16, 128)
