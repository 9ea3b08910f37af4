"""The kernels of nn.cuda.adain, compiled for a CPU and run thread by thread, against what they
should compute, in numpy."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from tests.conftest import needs
from tests.nn.cuda import doubles
from tests.nn.doubles import Numbers
from tests.nn.kernels import built, numbers, run, shape

pytestmark = needs("g++")
LANES, HELD = 4, 8
STRETCH = LANES * HELD
MOMENTS = "f signal, i signal_shape, f added, f bias, i lengths, F parts, F sum"
STYLED = "f signal, i signal_shape, f wanted, f bend, i lengths, f parts, F bent"
SHAPE = f"L={LANES}, N={HELD}"
KERNELS = {
    "moments": (MOMENTS, f"{SHAPE}, ADD=0"),
    "moments.added": (MOMENTS, f"{SHAPE}, ADD=1"),
    "styled.leaky": (STYLED, f"{SHAPE}, ALONE=1, SNAKE=0"),
    "styled.snake": (STYLED, f"{SHAPE}, ALONE=0, SNAKE=1"),
}


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return built(KERNELS, tmp_path_factory.mktemp("kernels"))


def given(lengths: list[int], time: int, channels: int) -> tuple[Numbers, Numbers]:
    """Numbers far from zero, where squares would lose what matters; NaN beyond the rows, which
    nobody looks at."""
    x = 1000 + numbers(len(lengths), time, channels)
    for row, length in enumerate(lengths):
        x[row, length:] = np.nan
    return x, np.array(lengths, np.int32)


def grid(x: Numbers) -> tuple[int, int]:
    return -(-x.shape[1] // STRETCH) * -(-x.shape[2] // 32), len(x)


@pytest.mark.parametrize(
    ("lengths", "time", "channels"),
    [([1], 1, 32), ([31, 100, 64], 101, 40), ([200], 200, 5), ([5, 64], 96, 70)],
)
def test_moments(kernels: ctypes.CDLL, lengths: list[int], time: int, channels: int) -> None:
    x, counts = given(lengths, time, channels)
    wanted = doubles.found_moments(x, counts, STRETCH)
    found = np.full_like(wanted, np.nan)
    rest = np.zeros(1, "f")
    run(kernels.moments, grid(x), 32 * LANES, x, shape(x), x, x, counts, found, rest)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=2e-3)
    added, bias, total = numbers(*x.shape), numbers(channels), np.zeros_like(x)
    wanted = doubles.found_moments(x + added + bias, counts, STRETCH)
    given_all = (x, shape(x), added, bias, counts, found, total)
    run(kernels.moments_added, grid(x), 32 * LANES, *given_all)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=2e-3)
    for row, length in enumerate(lengths):
        own = np.s_[row, :length]
        np.testing.assert_allclose(total[own], x[own] + added[own] + bias, rtol=1e-6)


@pytest.mark.parametrize(
    ("lengths", "time", "channels"),
    [([1], 1, 32), ([31, 9, 32], 32, 40), ([7], 32, 5), ([20, 3], 24, 70)],
)
def test_short_and_leaky(
    kernels: ctypes.CDLL, lengths: list[int], time: int, channels: int
) -> None:
    x, counts = given(lengths, time, channels)
    wanted, slope = numbers(2 * channels, len(lengths)), np.array([0.2], "f")
    found = np.full_like(x, np.nan)
    run(kernels.styled_leaky, grid(x), 32 * LANES, x, shape(x), wanted, slope, counts, slope, found)
    np.testing.assert_allclose(found, doubles.made_styled(x, wanted, slope, counts), atol=2e-3)


@pytest.mark.parametrize(
    ("lengths", "time", "channels"),
    [([1], 1, 32), ([31, 100, 64], 101, 40), ([400], 400, 5), ([5, 64], 96, 70)],
)
def test_long_and_a_snake(
    kernels: ctypes.CDLL, lengths: list[int], time: int, channels: int
) -> None:
    x, counts = given(lengths, time, channels)
    wanted, alpha = numbers(2 * channels, len(lengths)), 0.5 + np.abs(numbers(channels))
    parts = doubles.found_moments(x, counts, STRETCH)
    found = np.full_like(x, np.nan)
    run(kernels.styled_snake, grid(x), 32 * LANES, x, shape(x), wanted, alpha, counts, parts, found)
    np.testing.assert_allclose(found, doubles.made_styled(x, wanted, alpha, counts), atol=2e-3)
