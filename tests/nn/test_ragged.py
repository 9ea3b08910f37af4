"""Rows of different lengths: each is worked on as it is alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxtts.nn import mx
from mlxtts.nn.lstm import LSTM
from mlxtts.nn.ragged import Ragged, rounded
from mlxtts.nn.stft import STFT
from tests.nn import doubles

LENGTHS = st.lists(st.integers(1, 12), min_size=1, max_size=4)
RNG = np.random.default_rng(0)


def rows(lengths: list[int], channels: int, more: int = 0) -> tuple[mx.array, Ragged]:
    """Numbers, with rubbish where a row owns nothing."""
    time = max(lengths) + more
    return mx.array(RNG.standard_normal((len(lengths), time, channels), np.float32)), Ragged(
        lengths, time
    )


@given(LENGTHS, st.integers(0, 3))
def test_normalise(lengths: list[int], more: int) -> None:
    x, ragged = rows(lengths, 3, more)
    y = np.array(ragged.normalise(x, mx.full((1, 1, 3), 2.0), mx.full((1, 1, 3), 5.0)))
    for row, length in enumerate(lengths):
        own = np.array(x)[row, :length]
        wanted = (own - own.mean(0)) / np.sqrt(own.var(0) + 1e-5) * 2 + 5
        np.testing.assert_allclose(y[row, :length], wanted, atol=2e-3)
        assert not y[row, length:].any()


@given(LENGTHS, st.integers(0, 3))
def test_reverse(lengths: list[int], more: int) -> None:
    x, ragged = rows(lengths, 2, more)
    y = np.array(ragged.reverse(x))
    for row, length in enumerate(lengths):
        np.testing.assert_array_equal(y[row, :length], np.array(x)[row, :length][::-1])


def test_scaled() -> None:
    ragged = Ragged([2, 3], 4).scaled(5, more=1)
    assert (ragged.lengths, ragged.time) == ((11, 16), 21)
    assert Ragged([3, 3]).even
    assert not Ragged([3, 3], 4).even


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def one_way(x: np.ndarray, wx: np.ndarray, wh: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """An LSTM from its definition, a step at a time."""
    hidden = cell = np.zeros(len(wh))
    found = []
    for step in x:
        i, f, g, o = np.split(step @ wx + hidden @ wh + bias, 4)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        hidden = sigmoid(o) * np.tanh(cell)
        found.append(hidden)
    return np.array(found)


@pytest.mark.parametrize("device", ["cpu", "cuda", "metal"])
@pytest.mark.parametrize("lengths", [[7], [5, 5], [1, 6, 4]])
def test_lstm(lengths: list[int], device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlxtts.nn.lstm.on_cuda", lambda: device == "cuda")
    monkeypatch.setattr("mlxtts.nn.lstm.on_cpu", lambda: device == "cpu")
    monkeypatch.setattr("mlxtts.nn.cuda.recur", doubles.recur)
    lstm = LSTM(3, 4)
    for name in ("weight_input", "weight_hidden", "bias"):
        shape = lstm[name].shape
        lstm[name] = mx.array(RNG.standard_normal(shape, np.float32))
    x, ragged = rows(lengths, 3)
    found = np.array(lstm(x, ragged))
    parts = [np.array(lstm[name]) for name in ("weight_input", "weight_hidden", "bias")]
    for row, length in enumerate(lengths):
        own = np.array(x)[row, :length]
        forward = one_way(own, *(part[0] for part in parts[:2]), parts[2][0, 0])
        backward = one_way(own[::-1], *(part[1] for part in parts[:2]), parts[2][1, 0])[::-1]
        wanted = np.concatenate([forward, backward], axis=1)
        np.testing.assert_allclose(found[row, :length], wanted, atol=1e-5)


@pytest.mark.parametrize("lengths", [[40], [20, 60, 35]])
def test_the_transform_of_each_row(lengths: list[int]) -> None:
    stft = STFT(20)
    x, ragged = rows(lengths, 1)
    magnitude, phase = (np.array(part) for part in stft.transform(x[..., 0], ragged))
    window = np.hanning(21)[:-1]
    for row, length in enumerate(lengths):
        around = np.pad(np.array(x)[row, :length, 0], 10, "reflect")
        frames = np.array([around[at : at + 20] * window for at in range(0, length + 1, 5)])
        wanted = np.fft.rfft(frames)
        found = (magnitude * np.exp(1j * phase))[row, : length // 5 + 1]
        np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("lengths", [[40], [20, 60, 35]])
def test_there_and_back(lengths: list[int]) -> None:
    stft = STFT(20)
    x, ragged = rows(lengths, 1)
    frames = Ragged([length // 5 + 1 for length in lengths])
    back = np.array(stft.inverse(*stft.transform(x[..., 0], ragged), frames))
    for row, length in enumerate(lengths):
        np.testing.assert_allclose(back[row, :length], np.array(x)[row, :length, 0], atol=1e-5)


def test_rounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [rounded(n, 8) for n in (1, 7, 300)] == [1, 7, 300]
    monkeypatch.setattr("mlxtts.nn.ragged.on_cpu", lambda: False)
    assert [rounded(n) for n in range(1, 13)] == [1, 2, 3, 4, 5, 6, 7, 8, 10, 10, 12, 12]
    assert [rounded(n, 8) for n in (1, 8, 9, 33, 64, 65, 129)] == [8, 8, 16, 40, 64, 80, 160]
    for n in range(1, 3000):
        assert n <= rounded(n) <= 1.25 * n
    assert len({rounded(n, 16) for n in range(1, 1024)}) == 20
