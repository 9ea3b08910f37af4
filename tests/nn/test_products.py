import numpy as np
import pytest

from mlxtts.nn import BLAS, products

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("time", [1, 20, 53])
@pytest.mark.parametrize(("taps", "dilation"), [(1, 1), (3, 1), (3, 5)])
@pytest.mark.parametrize("product", [None, products.by_numpy])
def test_a_convolution_is_added_to_what_is_there(
    monkeypatch: pytest.MonkeyPatch,
    time: int,
    taps: int,
    dilation: int,
    product: products.Product | None,
) -> None:
    monkeypatch.setattr(products, "NUMBERS", 80)  # twenty steps
    x = RNG.standard_normal((time + (taps - 1) * dilation, 3), np.float32)
    weight = RNG.standard_normal((taps, 3, 4), np.float32)
    total = RNG.standard_normal((time + 2, 4), np.float32)
    wanted = total.astype(np.float64)
    for k in range(taps):
        wanted[1:-1] += x[k * dilation : k * dilation + time] @ weight[k]
    products.add_convolution(x, weight, dilation, total[1:-1], product)
    np.testing.assert_allclose(total, wanted, atol=1e-5)


@pytest.mark.skipif(BLAS in (None, "numpy"), reason="no OpenBLAS (libopenblas0-pthread)")
def test_the_blas_of_mlx_adds_where_there_is_one() -> None:
    assert products.adder() is not products.by_numpy


@pytest.mark.parametrize("product", [products.adder(), products.by_numpy])
def test_arrays_that_lie_otherwise(product: products.Product) -> None:
    """numpy gives a single row any stride; a transposed matrix has its columns side by side."""
    row, matrix = RNG.standard_normal((2, 4), np.float32), RNG.standard_normal((5, 4), np.float32)
    alone = np.lib.stride_tricks.as_strided(row, (1, 4), (4, 4))
    total = np.zeros((1, 5), np.float32)
    product(alone, matrix.T, total)
    np.testing.assert_allclose(total, row[:1] @ matrix.T, atol=1e-5)
