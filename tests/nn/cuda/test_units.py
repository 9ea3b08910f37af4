"""The functions of nn.cuda.units with their kernels run thread by thread on a CPU, against what
they should compute, in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlxtts.nn import mx
from mlxtts.nn.cuda import units
from mlxtts.nn.cuda.units import Stretch
from mlxtts.nn.random import normal_at
from tests.conftest import needs
from tests.nn.cuda import unit_doubles
from tests.nn.cuda.device import Device
from tests.nn.kernels import numbers

pytestmark = needs("g++")


@pytest.fixture(autouse=True)
def kernels_on_a_cpu(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "kernel", device.kernel)


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
