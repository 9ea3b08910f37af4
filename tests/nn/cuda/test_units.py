"""The functions of nn.cuda.units with their kernels run thread by thread on a CPU, against what
they should compute, in numpy."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mlxtts.nn import mx
from mlxtts.nn.cuda import units
from mlxtts.nn.cuda.kernel import source
from mlxtts.nn.cuda.units import Stretch
from mlxtts.nn.random import normal_at
from tests.conftest import needs
from tests.nn import unit_doubles
from tests.nn.kernels import built, numbers, run, shape

pytestmark = needs("g++")
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


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return built(KERNELS, tmp_path_factory.mktemp("units"))


@pytest.fixture(autouse=True)
def kernels_on_a_cpu(library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outputs begin as NaN, so that what a kernel forgets is seen."""

    def kernel(name: str, inputs: tuple[str, ...], *outputs: str) -> Callable[..., list[mx.array]]:
        def launch(**call: Any) -> list[mx.array]:
            arguments, constants = KERNELS[name]
            mine = ", ".join(f"{key}={value}" for key, value in call["template"] if key != "T")
            assert (mine or "NONE=0") == constants
            named = [pair.split()[1] for pair in arguments.split(", ")]
            assert named == [*_names(name, inputs), *outputs]
            arrays = _arrays(name, dict(zip(inputs, call["inputs"], strict=True)))
            found = [np.full(size, np.nan, "f") for size in call["output_shapes"]]
            (width, rows, _), (threads, _, _) = call["grid"], call["threadgroup"]
            assert width % threads == 0
            run(getattr(library, name), (width // threads, rows), threads, *arrays, *found)
            return [mx.array(each) for each in found]

        return launch

    monkeypatch.setattr(units, "kernel", kernel)


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


def rows(*size: int) -> mx.array:
    return mx.array(numbers(*size))


def alphas(channels: int) -> mx.array:
    return mx.array(np.linspace(0.1, 5, channels).astype("f"))


def stretch(batch: int, time: int, channels: int, kept: int, **place: int) -> Stretch:
    """Row n has had 2 n latents. By default all of it is inside."""
    outside = {"rate": 3, "start": 0, "stop": 2**40} | place
    places = mx.array(2 * np.arange(batch), dtype=mx.int32)
    return Stretch(rows(batch, time, channels), rows(batch, kept, channels), places, **outside)


def same(name: str, *given: Any) -> None:
    found, expected = getattr(units, name)(*given), getattr(unit_doubles, name)(*given)
    if isinstance(found, mx.array):
        found, expected = [found], [expected]
    for mine, theirs in zip(found, expected, strict=True):
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(np.array(mine), np.array(theirs), atol=3e-5)


PLACES = [{}, {"start": -7}, {"start": -4, "stop": 4}, {"start": -60, "stop": 60}]
"""All inside; some rows begin; they end at once; all begin after it."""
SHAPES = [(1, 41, 64), (3, 5, 12), (2, 150, 3), (1, 33, 512), (1, 1, 5)]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("apart", [1, 3, 9])
@pytest.mark.parametrize("size", SHAPES)
def test_residual(size: tuple[int, int, int], apart: int, place: dict[str, int]) -> None:
    channels = size[2]
    weights = rows(7, channels), rows(channels)
    given = stretch(*size, 6 * apart, **place)
    same("residual", given, alphas(channels), *weights, alphas(channels) / 2, rows(channels) + 1)


@pytest.mark.parametrize("place", PLACES)
def test_depthwise(place: dict[str, int]) -> None:
    same("depthwise", stretch(3, 4, 40, 6, **place), rows(7, 40), rows(40))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kept", [1, 6])
@pytest.mark.parametrize("size", SHAPES)
def test_snake(size: tuple[int, int, int], kept: int, place: dict[str, int]) -> None:
    same("snake", stretch(*size, kept, **place), alphas(size[2]))


@pytest.mark.parametrize(
    ("batch", "time", "rate", "channels"),
    [(1, 2, 8, 64), (3, 9, 5, 3), (2, 40, 2, 24), (1, 9, 4, 512)],
)
def test_overlap(batch: int, time: int, rate: int, channels: int) -> None:
    keys = mx.array(np.random.default_rng(0).integers(0, 2**32, (batch, 2)), dtype=mx.uint32)
    places = mx.array([0, 1000, 2**24][:batch], dtype=mx.int32)
    product = rows(batch, time, 2 * rate * channels)
    same("overlap", product, rows(channels), keys, 3, places, 64, -5)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("size", [(1, 41, 64), (3, 5, 12), (2, 250, 3), (1, 122, 9), (1, 1, 5)])
def test_collapse(size: tuple[int, int, int], place: dict[str, int]) -> None:
    channels = size[2]
    weight = rows(channels, 7) / channels
    same("collapse", stretch(*size, 6, **place), alphas(channels), weight, rows(1))


def test_the_noise_is_that_of_mlx() -> None:
    """Many keys, near all of where numbers turn over, and many positions."""
    keys = np.random.default_rng(1).integers(0, 2**32, (20, 2))
    keys[:4] = [[0, 0], [2**32 - 1, 2**32 - 1], [2**32 - 3, 7], [5, 2**32 - 100]]
    given = mx.array(keys, dtype=mx.uint32)
    places = mx.zeros((20,), dtype=mx.int32)
    product, bias = mx.zeros((20, 1001, 4)), mx.ones((1,))  # two steps of one channel for each
    _, found = units.overlap(product, bias, given, 2, places, 8, -1000)
    given = given + mx.array([2, 0], dtype=mx.uint32)
    expected = np.array(normal_at(given, -1000, 2000))
    np.testing.assert_allclose(np.array(found)[..., 0], expected, atol=3e-6, rtol=3e-6)
    assert np.abs(expected).max() > 3.5
