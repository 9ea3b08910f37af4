import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxtts import generate_audio_streaming
from mlxtts.compare.measures import APART, Difference, at_seams, clicks, difference

RATE = 24_000
TIME = np.arange(RATE) / RATE


def tone(frequency: float, loudness: float = 0.5) -> np.ndarray:
    fade = np.minimum(1, TIME * 20)
    return (fade * loudness * np.sin(2 * np.pi * frequency * TIME)).astype(np.float32)


def test_no_difference() -> None:
    sound = tone(440)
    assert difference(sound, sound.copy()) == Difference(None, 0.0, 0)
    assert difference(sound, sound).same
    assert difference(sound[:-7], sound) == Difference(None, 0.0, -7)
    assert not difference(sound[:-7], sound).same


@given(decibels=st.floats(-20, 60))
def test_a_ratio_in_decibels(decibels: float) -> None:
    sound = tone(440).astype(np.float64)
    noise = tone(3000).astype(np.float64)
    noise *= np.sqrt(np.sum(sound**2) / np.sum(noise**2)) * 10 ** (-decibels / 20)
    found = difference((sound + noise).astype(np.float32), sound.astype(np.float32))
    assert found.snr == pytest.approx(decibels, abs=0.05)
    assert found.largest == pytest.approx(np.abs(noise).max(), rel=0.01)


def test_silence_beside_sound() -> None:
    assert difference(np.zeros(9, np.float32), np.zeros(9, np.float32)).same
    found = difference(tone(440), np.zeros(RATE, np.float32))
    assert found.snr is not None
    assert found.snr < -100
    assert difference(np.zeros(0, np.float32), tone(440)).longer == -RATE


@pytest.mark.parametrize("frequency", [50, 440, 1000, 5000, 11_000])
def test_tones_do_not_click(frequency: float) -> None:
    assert clicks(tone(frequency), RATE) == []


def test_noise_does_not_click() -> None:
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    assert clicks(0.1 * noise, RATE) == []
    assert clicks(np.zeros(RATE, np.float32), RATE) == []
    assert clicks(np.zeros(0, np.float32), RATE) == []


@pytest.mark.parametrize("step", [0.02, -0.1, 0.5])
def test_a_step_is_found_where_it_is(step: float) -> None:
    sound = tone(200, 0.2)
    places = np.array([5000, 12_345, 20_000])
    for place in places:
        sound[place:] += step
    found = clicks(sound, RATE)
    assert len(found) == 3
    assert np.abs(found - places).max() <= 1


def test_sound_that_is_cut_out() -> None:
    sound = tone(200, 0.2)
    cut = np.concatenate([sound[:9010], sound[9070:]])  # half a wave
    assert len(clicks(cut, RATE)) == 1
    assert abs(clicks(cut, RATE)[0] - 9010) <= 1


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    text = "She had your dark suit in greasy wash water all year. Ten people packed tight boxes."
    return np.concatenate(list(generate_audio_streaming(text, ultra_low_latency=False)))


def test_speech_has_few_and_steps_in_it_are_found(speech: np.ndarray) -> None:
    assert len(clicks(speech, RATE)) <= 1
    rng = np.random.default_rng(0)
    found = 0
    for place in rng.integers(3000, len(speech) - 3000, 40):
        broken = speech.copy()
        broken[place:] += 0.1
        found += any(abs(click - place) <= 2 for click in clicks(broken, RATE))
    assert found >= 30


def test_clicks_near_together_are_one() -> None:
    sound = tone(200, 0.2)
    sound[9000:] += 0.1
    sound[9000 + round(APART * RATE / 2) :] += 0.1
    assert len(clicks(sound, RATE)) == 1


def test_at_seams() -> None:
    assert at_seams([100, 5000, 9003], [5001, 9000], RATE) == 2
    assert at_seams([100], [], RATE) == 0
