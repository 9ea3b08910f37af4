"""The contract of filters, and what holds for each of them."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxtts.audio import filters
from mlxtts.audio.filters import Filter, Filtering
from mlxtts.audio.smooth import Smooth
from mlxtts.audio.tempo import Tempo
from mlxtts.errors import Pcm0Error
from mlxtts.wire import pcm0
from mlxtts.wire.pcm0 import Frame

FILTERS: dict[str, Callable[[], Filter]] = {
    "smooth": lambda: Smooth(5),
    "smooth 0": lambda: Smooth(0),
    "slower": lambda: Tempo(0.6),
    "as fast": lambda: Tempo(1),
    "faster": lambda: Tempo(1.7),
}
every_filter = pytest.mark.parametrize("make", FILTERS.values(), ids=FILTERS)


class Late:
    """Gives everything at the end, and says how it was called."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.held: list[np.ndarray] = []

    def start(self, rate: int, channels: int) -> None:
        self.calls.append((rate, channels))
        self.held = [np.zeros((0, channels), np.float32)]

    def push(self, samples: np.ndarray) -> np.ndarray:
        self.calls.append(len(samples))
        self.held.append(samples)
        return samples[:0]

    def flush(self) -> np.ndarray:
        self.calls.append("flush")
        return np.concatenate(self.held)


def frame(*samples: float, rate: int = 24_000, channels: int = 1) -> Frame:
    return Frame(rate, struct.pack(f"<{len(samples)}f", *samples), channels)


END = frame()


def test_what_is_held_leaves_before_the_end_of_an_utterance() -> None:
    late = Late()
    sent = [frame(1, 2), frame(3), END, END, frame(4), END]
    assert list(Filtering(late).run(sent)) == [frame(1, 2, 3), END, END, frame(4), END]
    assert late.calls == [(24_000, 1), 2, 1, "flush", (24_000, 1), 1, "flush"]


def test_another_rate_or_number_of_channels_starts_anew() -> None:
    late = Late()
    sent = [frame(1), frame(2, rate=8_000), frame(3, 4, rate=8_000, channels=2), END]
    assert list(Filtering(late).run(sent)) == sent
    assert late.calls[::3] == [(24_000, 1), (8_000, 1), (8_000, 2)]


def test_the_end_of_the_stream_is_an_end_as_well() -> None:
    assert list(Filtering(Late()).run([frame(1), frame(2)])) == [frame(1, 2)]
    assert list(Filtering(Late()).run([])) == []


def test_what_was_said_before_a_stream_broke_off_is_heard() -> None:
    data = pcm0.encode(frame(1)) + pcm0.encode(frame(2))[:-1]
    heard = []
    with pytest.raises(Pcm0Error, match="byte 20: frame cut short"):
        heard.extend(Filtering(Late()).run(pcm0.Reader().read([data])))
    assert heard == [frame(1)]


def test_no_frame_is_longer_than_a_frame_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "MAX_SAMPLES", 2)
    sent = [frame(1, 2, 3), frame(4, 5), END]
    received = list(Filtering(Late()).run(sent))
    assert received == [frame(1, 2), frame(3, 4), frame(5), END]


@st.composite
def sounds(draw: st.DrawFn) -> tuple[int, list[np.ndarray]]:
    """A rate, and frames of a sound, of some channels: noise, tones, silence, single samples."""
    rate = draw(st.sampled_from([8_000, 11_025, 24_000]))
    channels = draw(st.integers(1, 3))
    lengths = draw(st.lists(st.integers(1, 3_000), min_size=1, max_size=6))
    seed = draw(st.integers(0, 2**32 - 1))
    kind = draw(st.sampled_from(["noise", "tone", "silence", "huge"]))
    rng = np.random.default_rng(seed)
    time = np.arange(sum(lengths))[:, None]
    sound = {
        "noise": rng.standard_normal((len(time), channels)),
        "tone": np.sin(time * rng.uniform(0.01, 1, channels) + rng.uniform(0, 6, channels)),
        "silence": 0 * time * np.ones(channels),
        "huge": rng.choice([-1, 1], (len(time), channels)) * float(np.finfo(np.float32).max),
    }[kind]
    cuts = np.cumsum(lengths)[:-1]
    return rate, np.split(sound.astype(np.float32), cuts)


def through(filter: Filter, rate: int, frames: list[np.ndarray]) -> np.ndarray:
    filter.start(rate, frames[0].shape[1])
    return np.concatenate([*(filter.push(samples) for samples in frames), filter.flush()])


@every_filter
@given(sound=sounds())
def test_samples_stay_samples(make: Callable[[], Filter], sound: tuple) -> None:
    """Finite, in as many channels, none louder than the loudest; silence stays silence, and what
    comes in is left as it is."""
    rate, frames = sound
    before = [samples.copy() for samples in frames]
    out = through(make(), rate, frames)
    assert out.dtype == np.float32
    assert out.shape[1] == frames[0].shape[1]
    assert np.isfinite(out).all()
    loudest = max(np.abs(samples).max() for samples in frames)
    assert np.abs(out).max(initial=0) <= loudest
    assert all(np.array_equal(a, b) for a, b in zip(before, frames, strict=True))


@every_filter
@given(one=sounds(), other=sounds())
def test_utterances_know_nothing_of_each_other(
    make: Callable[[], Filter], one: tuple, other: tuple
) -> None:
    filter = make()
    through(filter, *one)
    np.testing.assert_array_equal(through(filter, *other), through(make(), *other))


@every_filter
@given(sound=sounds())
def test_channels_that_are_alike_stay_alike(make: Callable[[], Filter], sound: tuple) -> None:
    rate, frames = sound
    twice = [np.repeat(samples[:, :1], 2, axis=1) for samples in frames]
    out = through(make(), rate, twice)
    np.testing.assert_array_equal(out[:, 0], out[:, 1])
