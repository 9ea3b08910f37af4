"""What mlxtts-meter reports, on sound whose figures are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from mlxtts.audio.meter import FLOOR, Meter
from mlxtts.wire.pcm0 import Frame
from tests.audio.test_filters import sounds

RATE = 24_000


def frame(samples: np.ndarray, rate: int = RATE) -> Frame:
    channels = samples.shape[1] if samples.ndim > 1 else 1
    return Frame(rate, samples.astype("<f4").tobytes(), channels)


def tone(seconds: float, loudness: float = 0.5) -> np.ndarray:
    return loudness * np.sin(np.arange(round(seconds * RATE)) * 2 * np.pi * 1000 / RATE)


def measured(*came: tuple[float, Frame]) -> Meter:
    meter = Meter()
    for now, frame in came:
        meter.read(frame, now)
    meter.close()
    return meter


END = Frame(RATE)


def test_loudness() -> None:
    meter = measured((1, frame(tone(1))), (1, frame(tone(0.5))), (1, END))
    assert meter.peak == pytest.approx(-6.02, abs=0.01)
    assert meter.rms == pytest.approx(-9.03, abs=0.01)
    assert meter.level == pytest.approx(-9.03, abs=0.01)
    assert (meter.frames, meter.utterances, meter.sound) == (3, 1, 1.5)


def test_speed_is_counted_from_the_start() -> None:
    meter = measured((2, frame(tone(3))), (4, frame(tone(3))), (4, END))
    assert (meter.first, meter.last, meter.speed) == (2, 4, 1.5)


def test_the_first_audible_sample_takes_the_time_of_what_is_before_it() -> None:
    quiet = np.zeros(RATE)
    sounding = np.concatenate([np.zeros(RATE // 2), tone(1)])
    meter = measured((2, frame(quiet)), (2.25, frame(sounding)), (3, END))
    assert meter.audible == pytest.approx(3.5, abs=0.001)
    late = measured((2, frame(quiet)), (9, frame(tone(1))), (9, END))
    assert late.audible == 9
    assert measured((1, frame(quiet)), (1, END)).audible is None


def test_the_buffer_that_plays_without_a_gap() -> None:
    """The third frame comes 0.7 s later than it is due; that an utterance begins late is none."""
    second = frame(tone(1))
    came = [(1, second), (1.5, second), (3.7, second), (3.7, END), (60, second), (61.2, second)]
    assert measured(*came).wait == pytest.approx(0.7)
    assert measured(*came[:2]).wait == 0


def test_what_is_beyond_full_scale_is_counted() -> None:
    meter = measured((0, frame(np.array([0.5, 1.0, -1.0, 1.5, -2.0]))), (0, END))
    assert meter.clipped == 2
    assert meter.peak == pytest.approx(6.02, abs=0.01)


def test_silence_is_where_nothing_is_loud() -> None:
    """A tone crosses zero without being silent; the edges of silence are found to 10 ms."""
    assert measured((0, frame(tone(1))), (0, END)).silence == 0
    faint = tone(0.33, loudness=0.003)
    both = np.concatenate([tone(0.5), faint, tone(0.5)])
    assert measured((0, frame(both)), (0, END)).silence == pytest.approx(0.33, abs=0.0201)
    meter = measured((0, frame(np.zeros(RATE + 17))), (0, END))
    assert meter.silence == pytest.approx(1 + 17 / RATE)
    assert (meter.peak, meter.rms) == (FLOOR, FLOOR)


def test_an_utterance_without_an_end_counts() -> None:
    assert measured((0, frame(tone(1)))).utterances == 1
    assert measured((0, frame(tone(1))), (0, END), (0, frame(tone(1)))).utterances == 2
    assert measured((0, END)).utterances == 1


def test_another_rate_may_follow() -> None:
    meter = measured(
        (0, frame(np.zeros(RATE))), (0, frame(np.zeros((8_000, 2)), 8_000)), (0, Frame(8_000))
    )
    assert (meter.sound, meter.silence, meter.rate, meter.channels) == (2, 2, 8_000, 1)


@given(sounds())
def test_loudness_does_not_depend_on_the_frames(sound: tuple) -> None:
    rate, frames = sound
    parts = measured(*((0, frame(samples, rate)) for samples in frames)).report()
    whole = measured((0, frame(np.concatenate(frames), rate))).report()
    assert parts.pop("frames") == len(frames)
    assert whole.pop("frames") == 1
    assert parts == pytest.approx(whole, abs=0.011)
    assert np.isfinite([v for v in parts.values() if v is not None]).all()


@given(sounds())
def test_the_live_line_fits_a_terminal(sound: tuple) -> None:
    rate, frames = sound
    meter = measured(*((1.0, frame(samples, rate)) for samples in frames))
    assert len(meter.live()) == len(measured((1, frame(tone(1)))).live()) < 66
