"""Sound files to frames: files that libsndfile and sox wrote, and those of mlxtts-wav."""

from __future__ import annotations

import io
import subprocess
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mlxtts.audio import files, reading
from mlxtts.audio.filters import samples
from mlxtts.errors import AudioError
from mlxtts.wire.pcm0 import Frame
from tests.audio.test_files import SAMPLES, assert_contains, frames, to_pipe
from tests.conftest import Run, needs

RATE = 24_000


def sound(found: list[Frame]) -> np.ndarray:
    return np.concatenate([samples(frame) for frame in found])


def read(path: Path, **options) -> list[Frame]:
    with path.open("rb") as file:
        return list(reading.read(file, **options))


def test_a_file_is_an_utterance(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", SAMPLES, RATE, "FLOAT")
    found = read(tmp_path / "x.wav")
    assert [frame.is_end for frame in found] == [False] * (len(found) - 1) + [True]
    assert {(frame.rate, frame.channels) for frame in found} == {(RATE, 1)}
    assert max(frame.num_samples for frame in found) == RATE // 10
    np.testing.assert_array_equal(sound(found)[:, 0], SAMPLES)


@pytest.mark.parametrize("format", sorted(files.SUBTYPES.keys() - {"raw"}))
def test_what_mlxtts_wav_writes_to_a_pipe_can_be_read(
    format: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with reading.spool([to_pipe(frames(), format)]) as file:
        found = list(reading.read(file))
    assert found[0].rate == RATE
    read = sound(found)[:, 0]
    assert len(SAMPLES) <= len(read) <= len(SAMPLES) + 3000
    if format in ("wav", "flac"):
        np.testing.assert_allclose(read, SAMPLES, atol=2e-5)
    else:
        assert_contains(read, SAMPLES)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["aiff", "au", "caf", "w64"])
@pytest.mark.parametrize("channels", [1, 2, 8])
@needs("sox")
def test_other_formats(tmp_path: Path, kind: str, channels: int) -> None:
    path = tmp_path / f"x.{kind}"
    effect = ["synth", "0.3", "sine", "300", "gain", "-6"]
    subprocess.run(
        ["sox", "-n", "-r", "44100", "-b", "16", "-c", str(channels), path, *effect], check=True
    )
    found = read(path)
    assert (found[0].rate, found[0].channels) == (44_100, channels)
    assert len(sound(found)) == 13_230
    assert np.abs(sound(found)).max() == pytest.approx(0.5, abs=0.01)


def test_resampled(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", SAMPLES, RATE, "FLOAT")
    found = read(tmp_path / "x.wav", rate=48_000)
    assert found[-1] == Frame(48_000)
    assert len(sound(found)) == 2 * len(SAMPLES)
    np.testing.assert_allclose(sound(found)[200:-200:2, 0], SAMPLES[100:-100], atol=1e-3)


def test_mixed_into_one_channel(tmp_path: Path) -> None:
    both = np.stack([SAMPLES, -SAMPLES / 2], axis=1)
    soundfile.write(tmp_path / "x.wav", both, RATE, "FLOAT")
    found = read(tmp_path / "x.wav", mono=True)
    np.testing.assert_allclose(sound(found)[:, 0], SAMPLES / 4, atol=1e-7)


def test_rates_and_channels_that_pcm0_does_not_have(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", SAMPLES[:2000], 4_000, "FLOAT")
    with pytest.raises(AudioError, match="4000 Hz is outside 8000 to 192000: give --rate"):
        read(tmp_path / "x.wav")
    assert len(sound(read(tmp_path / "x.wav", rate=8_000))) == 4000
    soundfile.write(tmp_path / "y.wav", np.zeros((100, 9)), RATE)
    with pytest.raises(AudioError, match="9 channels, more than 8: give --mono"):
        read(tmp_path / "y.wav")
    assert len(sound(read(tmp_path / "y.wav", mono=True))) == 100


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("rate", [None, 48_000])
def test_numbers_that_are_no_samples(tmp_path: Path, value: float, rate: int | None) -> None:
    soundfile.write(tmp_path / "x.wav", [0.0] * 5000 + [value] + [0.0] * 5000, RATE, "FLOAT")
    with pytest.raises(AudioError, match="a sample is not a finite number"):
        read(tmp_path / "x.wav", rate=rate)


@pytest.mark.parametrize("kind", ["flac", "mp3"])
def test_what_is_cut_short_is_read_and_reported(
    tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = io.BytesIO()
    soundfile.write(whole, SAMPLES, RATE, format=kind.upper())
    (tmp_path / "x").write_bytes(whole.getvalue()[: len(whole.getvalue()) * 2 // 3])
    found = []
    with (tmp_path / "x").open("rb") as file, pytest.raises(AudioError, match=r"cut short|lost"):
        found.extend(reading.read(file))
    assert capfd.readouterr() == ("", "")


def test_a_file_without_samples_is_an_end(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", np.zeros((0, 2)), RATE)
    assert read(tmp_path / "x.wav") == [Frame(RATE, b"", 2)]


def test_memory_is_bounded(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", np.zeros(100 * RATE), RATE)
    with (tmp_path / "x.wav").open("rb") as file:
        found = reading.read(file, rate=16_000)
        next(found)
        tracemalloc.start()
        assert sum(frame.num_samples for frame in found) > 99 * 16_000
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 500_000


def test_files_pipes_and_stdin_are_read_alike(run: Run, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", SAMPLES, RATE)
    soundfile.write(tmp_path / "y.ogg", SAMPLES, RATE)
    one = run("mlxtts-read", "x.wav", "y.ogg").stdout
    assert one == run("cat x.wav | mlxtts-read - y.ogg").stdout
    assert one == run("mlxtts-read <(cat x.wav); mlxtts-read < y.ogg").stdout
    assert {path.name for path in tmp_path.iterdir()} == {"x.wav", "y.ogg"}
