from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxtts.audio.smooth import Smooth
from mlxtts.errors import UsageError
from tests.audio.test_filters import sounds, through

RATE = 24_000


def tone(phase: float, count: int = 2400) -> np.ndarray:
    return (0.5 * np.sin(np.arange(count) * 0.05 + phase)).astype(np.float32)[:, None]


def steepest(samples: np.ndarray) -> float:
    return float(np.abs(np.diff(samples.astype(np.float64), axis=0)).max(initial=0))


def test_a_seam_is_gone() -> None:
    frames = [tone(0), tone(2), tone(4)]
    out = through(Smooth(5), RATE, frames)
    assert steepest(np.concatenate(frames)) > 0.4
    assert steepest(out) < 0.05


def test_only_the_beginning_of_a_frame_is_changed() -> None:
    frames = [tone(0), tone(2), tone(4)]
    out = through(Smooth(5), RATE, frames).reshape(3, 2400, 1)
    np.testing.assert_array_equal(out[0], frames[0])
    for changed, original in zip(out[1:], frames[1:], strict=True):
        np.testing.assert_array_equal(changed[120:], original[120:])
        assert (changed[:119] != original[:119]).any()


def test_what_was_before_goes_on_mirrored() -> None:
    """Into silence, so that nothing else is heard."""
    smooth = Smooth(5)
    smooth.start(RATE, 1)
    before = smooth.push(tone(1))
    after = smooth.push(np.zeros((2400, 1), np.float32))[:, 0]
    mirrored = after[:120] / before[::-1][:120, 0]
    assert (np.diff(mirrored) < 0).all()
    assert mirrored[0] == pytest.approx(1, abs=1e-3)
    assert mirrored[-1] == pytest.approx(0, abs=1e-3)
    assert not after[120:].any()


@given(sounds(), st.floats(0, 50))
def test_length_is_kept_and_no_step_is_made(sound: tuple, ms: float) -> None:
    rate, frames = sound
    smooth = Smooth(ms)
    smooth.start(rate, frames[0].shape[1])
    count = round(ms * rate / 1000)
    before = np.zeros((0, frames[0].shape[1]), np.float32)
    for samples in frames:
        out = smooth.push(samples)
        assert len(out) == len(samples)
        faded = min(count, len(before), len(samples))
        if faded:
            far = np.abs(before[::-1][:faded].astype(np.float64) - samples[:faded]).max()
            own = max(steepest(before), steepest(samples))
            bound = own + np.pi / (2 * (faded + 1)) * far
            first = np.concatenate([before[-1:], out[: faded + 1]])
            inner = slice(None) if len(out) > faded else slice(len(first))
            assert steepest(first[inner]) <= bound * (1 + 1e-5) + 1e-6
        before = np.concatenate([before, out])
    assert len(smooth.flush()) == 0


def test_zero_changes_nothing() -> None:
    frames = [tone(0), tone(2), tone(4)]
    np.testing.assert_array_equal(through(Smooth(0), RATE, frames), np.concatenate(frames))


@given(st.lists(st.integers(1, 5), min_size=1, max_size=50))
def test_memory_is_bounded(lengths: list[int]) -> None:
    smooth = Smooth(1)
    smooth.start(8_000, 1)
    for length in lengths:
        smooth.push(np.ones((length, 1), np.float32))
    assert smooth._before.base is None or len(smooth._before.base) <= 8 + 5
    assert len(smooth._before) <= 8


@pytest.mark.parametrize("ms", [-1, 1001, float("nan"), float("inf")])
def test_crossfades_that_cannot_be(ms: float) -> None:
    with pytest.raises(UsageError, match="a crossfade must be 0 to 1000 ms, not"):
        Smooth(ms)
