"""The kernels of nn.cuda.vocoder, compiled for a CPU and run thread by thread, against what they
should compute, in numpy."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from mlxtts.nn.stft import STFT
from tests.conftest import needs
from tests.nn.cuda import doubles
from tests.nn.doubles import Numbers
from tests.nn.kernels import built, numbers, run, shape

pytestmark = needs("g++")
S = 64
PITCH = "f pitch, i pitch_shape, u sums, f noise, f weight, f bias, f levels, i lengths, F made"
KERNELS = {
    "doubled": ("f signal, i signal_shape, f weight, f bias, i lengths, F doubled", "S=64"),
    "source": (PITCH, "S=64, H=9, K=30, R=24000"),
    "spectrum": ("f signal, i signal_shape, f forward, i lengths, F polar", "S=64, Z=20"),
    "cartesian": ("f signal, i signal_shape, F parts", "S=64"),
    "overlap_add": ("f frames, i frames_shape, f squares, i lengths, F laid", "S=64, Z=20"),
}
LENGTHS = [[5], [1, 7, 4]]
each_lengths = pytest.mark.parametrize("lengths", LENGTHS)


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return built(KERNELS, tmp_path_factory.mktemp("kernels"))


def given(lengths: list[int], time: int, *more: int) -> tuple[Numbers, Numbers]:
    """Numbers, with NaN beyond the rows, which nobody looks at."""
    x = numbers(len(lengths), time, *more)
    for row, length in enumerate(lengths):
        x[row, length:] = np.nan
    return x, np.array(lengths, np.int32)


def grid(made: Numbers) -> tuple[int, int]:
    return -(-made[0].size // S), len(made)


@each_lengths
def test_doubled(kernels: ctypes.CDLL, lengths: list[int]) -> None:
    x, counts = given(lengths, 8, 21)
    weight, bias = numbers(3, 21), numbers(21)
    wanted = doubles.made_doubled(x, weight, bias, counts)
    found = np.full_like(wanted, np.nan)
    run(kernels.doubled, grid(found), S, x, shape(x), weight, bias, counts, found)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@each_lengths
def test_source(kernels: ctypes.CDLL, lengths: list[int]) -> None:
    x, counts = given(lengths, 8)
    pitch = np.maximum(150 + 100 * x, 0)
    sums = np.random.default_rng(0).integers(0, 2**32, (*x.shape, 9)).astype(np.uint32)
    noise, weight, bias = numbers(len(x), 8 * 30, 9), numbers(1, 9), numbers(1)
    levels = np.array([100, 0.1, 0.01, 0.2], "f")
    numbers_given = (sums, noise, weight, bias, levels, counts)
    wanted = doubles.made_source(pitch, *numbers_given, 24000)
    found = np.full_like(wanted, np.nan)
    run(kernels.source, grid(found), S, pitch, shape(pitch), *numbers_given, found)
    for row, length in enumerate(lengths):
        own = np.s_[row, : length * 30]
        np.testing.assert_allclose(found[own], wanted[own], atol=1e-5)


@pytest.mark.parametrize("lengths", [[40], [20, 60, 35]])
def test_spectrum(kernels: ctypes.CDLL, lengths: list[int]) -> None:
    x, counts = given(lengths, max(lengths) + 5)
    forward = np.array(STFT(20)._forward)
    wanted = doubles.made_spectrum(x, forward, counts)
    found = np.full_like(wanted, np.nan)
    run(kernels.spectrum, grid(found), S, x, shape(x), forward, counts, found)
    magnitude, phase = np.split(found, 2, axis=-1)
    wanted_magnitude, wanted_phase = np.split(wanted, 2, axis=-1)
    turned = magnitude * np.exp(1j * phase)
    np.testing.assert_allclose(turned, wanted_magnitude * np.exp(1j * wanted_phase), atol=1e-4)


def test_cartesian(kernels: ctypes.CDLL) -> None:
    x = numbers(2, 9, 22)
    found = np.full_like(x, np.nan)
    run(kernels.cartesian, grid(x), S, x, shape(x), found)
    np.testing.assert_allclose(found, doubles.made_cartesian(x), rtol=1e-5, atol=1e-6)


@each_lengths
def test_overlap_add(kernels: ctypes.CDLL, lengths: list[int]) -> None:
    frames, counts = given([n + 1 for n in lengths], 9, 20)
    squares = np.hanning(21)[:-1].astype("f") ** 2
    wanted = doubles.overlapped(np.nan_to_num(frames), squares, counts)
    found = np.full_like(wanted, np.nan)
    run(kernels.overlap_add, grid(found), S, frames, shape(frames), squares, counts, found)
    for row, length in enumerate(lengths):
        own = np.s_[row, : length * 5]
        np.testing.assert_allclose(found[own], wanted[own], atol=1e-5)
