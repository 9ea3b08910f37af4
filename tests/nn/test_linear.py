import numpy as np
import pytest

from mlxtts.nn import linear, mx
from mlxtts.nn.linear import Linear, product

RNG = np.random.default_rng(0)
SHAPES = [((1, 1, 5), (5, 3)), ((2, 9, 5), (5, 3)), ((2, 11, 5), (2, 5, 3)), ((8, 5), (5, 3))]


def normal(*shape: int) -> mx.array:
    return mx.array(RNG.standard_normal(shape, np.float32))


@pytest.mark.parametrize("blas", [None, "numpy"])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_products_are_the_same_with_and_without_a_blas(
    monkeypatch: pytest.MonkeyPatch,
    left: tuple[int, ...],
    right: tuple[int, ...],
    biased: bool,
    blas: str | None,
) -> None:
    monkeypatch.setattr(linear, "BLAS", blas)
    x, weight, bias = normal(*left), normal(*right), normal(3) if biased else None
    wanted = np.array(x, np.float64) @ np.array(weight, np.float64)
    if bias is not None:
        wanted += np.array(bias)
    found = product(x, weight, bias)
    assert found.dtype == mx.float32
    np.testing.assert_allclose(np.array(found), wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("blas", "rows", "kind", "taken"),
    [
        ("numpy", linear.FEW, mx.float32, True),
        ("libopenblas.so.0", linear.FEW, mx.float32, False),
        (None, linear.FEW, mx.float32, False),
        ("numpy", linear.FEW - 1, mx.float32, False),
        ("numpy", linear.FEW, mx.bfloat16, False),  # numpy has none
    ],
)
def test_numpy_multiplies_where_mlx_is_slow(
    monkeypatch: pytest.MonkeyPatch, blas: str | None, rows: int, kind: mx.Dtype, taken: bool
) -> None:
    asked = []
    monkeypatch.setattr(linear, "BLAS", blas)
    monkeypatch.setattr(linear, "by_numpy", lambda x, weight: asked.append(1) or x @ weight)
    product(normal(rows, 4).astype(kind), normal(4, 3).astype(kind))
    assert bool(asked) == taken


@pytest.mark.parametrize("biased", [False, True])
def test_a_layer(monkeypatch: pytest.MonkeyPatch, biased: bool) -> None:
    layer = Linear(4, 3, bias=biased)
    x = normal(2, 9, 4)
    monkeypatch.setattr(linear, "BLAS", None)
    wanted = np.array(layer(x))
    monkeypatch.setattr(linear, "BLAS", "numpy")
    np.testing.assert_allclose(np.array(layer(x)), wanted, atol=1e-5)
