import numpy as np
import pytest

from mlxtts.audio.resample import Resample


def tone(rate: int, seconds: float = 1.0) -> np.ndarray:
    time = np.arange(round(rate * seconds)) / rate
    return (0.5 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)[:, None]


@pytest.mark.parametrize("target", [8_000, 16_000, 44_100, 48_000])
def test_a_tone_stays_a_tone(target: int) -> None:
    resample = Resample(24_000, target, 1)
    source = tone(24_000)
    pieces = [resample.push(source[at : at + 1000]) for at in range(0, 24_000, 1000)]
    out = np.concatenate([*pieces, resample.flush()])
    assert len(out) == target
    inner = slice(target // 10, -target // 10)
    assert np.abs(out[inner] - tone(target)[inner]).max() < 1e-3


def test_equal_rates_pass_through() -> None:
    resample = Resample(24_000, 24_000, 2)
    samples = np.random.default_rng(0).standard_normal((50, 2)).astype(np.float32)
    assert resample.push(samples) is samples
    assert resample.flush().shape == (0, 2)


def test_after_a_flush_it_begins_anew() -> None:
    resample = Resample(24_000, 48_000, 1)
    once = np.concatenate([resample.push(tone(24_000)), resample.flush()])
    again = np.concatenate([resample.push(tone(24_000)), resample.flush()])
    np.testing.assert_array_equal(once, again)
