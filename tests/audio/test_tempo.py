"""Tempo: pitch, length and smoothness, on tones and on speech, and beside sox."""

from __future__ import annotations

import subprocess
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlxtts.audio.tempo import HOP, Tempo
from mlxtts.errors import UsageError
from mlxtts.wire import pcm0
from tests.audio.test_filters import sounds, through
from tests.conftest import needs

RATE = 24_000
factors = st.floats(0.5, 2) | st.sampled_from([0.5, 1, 2])
some_factors = pytest.mark.parametrize("factor", [0.5, 0.8, 1.25, 1.5, 2.0])


def tone(hertz: float, rate: int = RATE, seconds: float = 2) -> np.ndarray:
    time = np.arange(round(rate * seconds)) / rate
    return (0.5 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)[:, None]


def at_tempo(samples: np.ndarray, factor: float, rate: int = RATE, step: int = 2048) -> np.ndarray:
    frames = [samples[at : at + step] for at in range(0, len(samples), step)]
    return through(Tempo(factor), rate, frames)


def sox(samples: np.ndarray, factor: float) -> np.ndarray:
    raw = ["-t", "f32", "-r", str(RATE), "-c", "1", "-"]
    done = subprocess.run(
        ["sox", "-V1", *raw, "-t", "f32", "-", "tempo", "-s", str(factor)],
        input=samples.tobytes(),
        capture_output=True,
        check=True,
    )
    return np.frombuffer(done.stdout, "<f4")[:, None]


def steepest(samples: np.ndarray) -> float:
    return float(np.abs(np.diff(samples.astype(np.float64), axis=0)).max(initial=0))


def power(samples: np.ndarray) -> np.ndarray:
    inner = samples[len(samples) // 10 : -len(samples) // 10, 0]
    return np.abs(np.fft.rfft(inner * np.hanning(len(inner)))) ** 2


def pitch(samples: np.ndarray, rate: int = RATE) -> float:
    found = power(samples)
    return float(np.argmax(found)) * rate / (2 * (len(found) - 1))


def impurity(samples: np.ndarray) -> float:
    """What a tone has beside itself, in dB."""
    found = power(samples)
    peak = int(np.argmax(found))
    return float(10 * np.log10(1 - found[max(0, peak - 12) : peak + 13].sum() / found.sum()))


@some_factors
@pytest.mark.parametrize("hertz", [80, 220, 440, 1000, 3000])
def test_a_tone_keeps_its_pitch(hertz: float, factor: float) -> None:
    out = at_tempo(tone(hertz), factor)
    assert len(out) == round(2 * RATE / factor)
    assert pitch(out) == pytest.approx(hertz, rel=0.01, abs=1)
    assert impurity(out) < -35
    assert steepest(out) < 1.1 * steepest(tone(hertz))


@pytest.mark.parametrize("rate", [8_000, 11_025, 48_000, 192_000])
def test_every_rate(rate: int) -> None:
    out = at_tempo(tone(440, rate), 1.3, rate)
    assert pitch(out, rate) == pytest.approx(440, rel=0.01)
    assert impurity(out) < -35


@some_factors
@needs("sox")
def test_tones_beside_sox(factor: float) -> None:
    for hertz in (80, 220, 440):
        ours, theirs = at_tempo(tone(hertz), factor), sox(tone(hertz), factor)
        assert abs(len(ours) - len(theirs)) < 0.02 * len(theirs)
        assert pitch(ours) == pytest.approx(pitch(theirs), rel=0.01)
        assert impurity(ours) < max(impurity(theirs), -40) + 3


@given(sounds(), factors, st.lists(st.integers(0, 20_000), max_size=8))
def test_any_chunking_gives_the_same_samples(
    sound: tuple, factor: float, places: list[int]
) -> None:
    rate, frames = sound
    whole = np.concatenate(frames)
    cuts = sorted({place % len(whole) for place in places} | {0, len(whole)})
    other = [whole[a:b] for a, b in pairwise(cuts)]
    one = through(Tempo(factor), rate, [whole])
    assert one.tobytes() == through(Tempo(factor), rate, frames).tobytes()
    assert one.tobytes() == through(Tempo(factor), rate, other).tobytes()


NOISE = np.random.default_rng(0).normal(size=(201, 1)).astype(np.float32)


@given(sounds(), factors)
@example((8_000, [NOISE[:1], NOISE[1:]]), 2)  # what is left is one hop
@example((8_000, [NOISE[:200]]), 2)
def test_length_is_exact_and_no_step_is_made(sound: tuple, factor: float) -> None:
    """No step is greater than the sound's own, but for what fading takes within a hop."""
    rate, frames = sound
    whole = np.concatenate(frames)
    out = through(Tempo(factor), rate, frames)
    assert len(out) == round(len(whole) / factor)
    if len(whole) < 2 * round(HOP * rate):
        return
    np.testing.assert_array_equal(out[-1], whole[-1])
    np.testing.assert_allclose(out[0], whole[0], rtol=0.01, atol=2 * steepest(whole) / 50)
    spread = float(np.ptp(whole.astype(np.float64), axis=0).max())
    bound = steepest(whole) + np.pi / (2 * round(HOP * rate)) * spread
    assert steepest(out) <= bound * (1 + 1e-5)


@given(st.integers(1, 700), factors)
def test_the_shortest_sounds_have_no_step_either(count: int, factor: float) -> None:
    whole = tone(300)[:count]
    out = through(Tempo(factor), RATE, [whole])
    assert len(out) == round(count / factor)
    if len(out) > 1:
        between = (count - 1) / (len(out) - 1)  # up to four, where five samples become two
        assert steepest(out) <= (max(between, 1) + 0.2) * steepest(whole)


@given(sounds())
def test_as_fast_is_untouched_and_at_once(sound: tuple) -> None:
    rate, frames = sound
    tempo = Tempo(1)
    tempo.start(rate, frames[0].shape[1])
    assert all(tempo.push(samples) is samples for samples in frames)
    assert len(tempo.flush()) == 0


@pytest.mark.parametrize("factor", [0.5, 1.0001, 2.0])
def test_latency_and_memory_are_bounded(factor: float) -> None:
    """Four hops of input wait at most; and a longer sound takes no more memory."""
    tempo = Tempo(factor)
    tempo.start(RATE, 1)
    piece = tone(200, seconds=0.1)
    came = left = 0
    tracemalloc.start()
    for _ in range(200):
        left += len(tempo.push(piece))
        came += len(piece)
        assert came - left * factor <= (4 * HOP + 1e-3) * RATE
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 500_000


@pytest.mark.parametrize("factor", [0.49, 2.01, -1, 0, float("nan"), float("inf")])
def test_tempi_that_cannot_be(factor: float) -> None:
    with pytest.raises(UsageError, match=r"a tempo must be 0\.5 to 2, not"):
        Tempo(factor)


SENTENCES = "The quick brown fox jumps over the dog. Good morning, how is the weather in the north?"
"""Enough that a few places whose melody is hard to tell do not count."""


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    from tests.conftest import environment

    done = subprocess.run(
        ["bash", "-c", f"mlxtts-tokens '{SENTENCES}' | mlxtts-decode"],
        capture_output=True,
        check=True,
        env=environment(),
    )
    payload = b"".join(frame.payload for frame in pcm0.Reader().read([done.stdout]))
    return np.frombuffer(payload, "<f4")[:, None]


def melody(samples: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """The pitch around each of these samples, in hertz; not a number where there is no voice."""
    width = 1200
    window = np.hanning(width)
    own = np.fft.irfft(np.abs(np.fft.rfft(window, 2 * width)) ** 2)[: width // 2]
    lags = np.arange(RATE // 300, RATE // 80)

    def at(centre: int) -> float:
        part = samples[max(0, centre - width // 2) :][:width, 0]
        if len(part) < width or np.sqrt(np.mean(part**2)) < 0.02:
            return float("nan")
        spectrum = np.fft.rfft((part - part.mean()) * window, 2 * width)
        alike = np.fft.irfft(np.abs(spectrum) ** 2)[: width // 2] / own
        best = int(lags[np.argmax(alike[lags])])
        before, top, after = alike[best - 1 : best + 2]
        if top < 0.7 * alike[0]:
            return float("nan")
        return RATE / (best + (before - after) / (before - 2 * top + after) / 2)

    return np.array([at(int(centre)) for centre in centres])


@some_factors
@needs("sox")
def test_speech_beside_sox(speech: np.ndarray, factor: float) -> None:
    """The melody at each place is what it was there, as often as with sox."""
    centres = np.arange(1000, len(speech) - 1000, 240)
    before = melody(speech, centres)
    off, kept = [], []
    for out in (at_tempo(speech, factor), sox(speech, factor)):
        assert len(out) == pytest.approx(len(speech) / factor, rel=0.02)
        ratio = melody(out, centres / factor) / before
        ratio = ratio[np.isfinite(ratio)]
        assert len(ratio) > 50
        off.append(abs(np.median(ratio) - 1))
        kept.append(np.mean(np.abs(ratio - 1) < 0.05))
    assert off[0] < 0.01
    assert off[0] < off[1] + 0.002
    assert kept[0] > kept[1] - 0.02
    assert steepest(at_tempo(speech, factor)) < 1.1 * steepest(speech)
