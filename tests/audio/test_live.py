"""A file that grows, read by ffmpeg."""

import numpy as np
import pytest

from mlxtts.audio.live import TYPES, Live
from mlxtts.errors import AudioError
from mlxtts.wire.pcm0 import Frame
from tests.audio.test_files import RATE, SAMPLES, ffmpeg, frames
from tests.bin.test_play import place
from tests.conftest import needs

SWEEP = (0.5 * np.sin(np.arange(RATE * 2 + 777) ** 2 * 1e-5)).astype(np.float32)  # finds its place
SWEEP[-2_000:] *= np.linspace(1, 0, 2_000, dtype=np.float32)  # MP3 cannot end at once


@pytest.mark.parametrize(("format", "tolerance"), [("wav", 2e-5), ("mp3", 0.05)])
@needs("ffmpeg")
def test_every_format_grows_with_each_frame(format: str, tolerance: float) -> None:
    live = Live(format)
    pieces = [live.push(frame) for frame in frames(SWEEP)]
    assert all(pieces[2:-1])  # LAME holds the first back
    got = ffmpeg(b"".join(pieces) + live.close())
    at, difference = place(np.append(got, np.zeros(RATE)), SWEEP)
    assert difference < tolerance
    assert at == 0 if format == "wav" else at < 2_000
    assert 0 <= len(got) - len(SWEEP) <= (0 if format == "wav" else 4_000)


@pytest.mark.parametrize("format", TYPES)
@needs("ffmpeg")
def test_another_rate_is_resampled_to_the_first(format: str) -> None:
    live = Live(format)
    tone = (0.5 * np.sin(np.arange(48_000) * 500 * 2 * np.pi / 48_000)).astype(np.float32)
    data = [live.push(frame) for frame in [*frames(), *frames(tone, rate=48_000)]]
    got = ffmpeg(b"".join(data) + live.close())
    assert abs(len(got) - len(SAMPLES) - RATE) < 4_000
    second = got[len(SAMPLES) + 2_000 : len(SAMPLES) + RATE - 2_000]
    spectrum = np.abs(np.fft.rfft(second * np.hanning(len(second))))
    assert abs(np.argmax(spectrum) * RATE / len(second) - 500) < 2


def test_other_channels_cannot_follow() -> None:
    live = Live("wav")
    live.push(Frame(RATE, b"\0" * 8))
    with pytest.raises(AudioError, match="2 channels after 1"):
        live.push(Frame(RATE, b"\0" * 8, 2))


def test_nothing_comes_of_nothing() -> None:
    assert Live("wav").close() == b""
