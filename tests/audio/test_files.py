"""Formats, on files and on pipes, read back by libsndfile, ffmpeg and sox."""

import io
import os
import subprocess
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mlxtts import output
from mlxtts.audio import files
from mlxtts.audio.recording import Recording
from mlxtts.audio.sink import Sink
from mlxtts.errors import AudioError, UsageError
from mlxtts.wire.pcm0 import Frame
from tests.conftest import needs

RATE = 24_000
SAMPLES = (0.5 * np.sin(np.arange(RATE * 2 + 777) * 0.1)).astype(np.float32)


def frames(samples: np.ndarray = SAMPLES, channels: int = 1, rate: int = RATE) -> list[Frame]:
    cuts = range(0, len(samples), 2048 * channels)
    pieces = [samples[at : at + 2048 * channels].tobytes() for at in cuts]
    return [*(Frame(rate, piece, channels) for piece in pieces), Frame(rate, b"", channels)]


def to_file(path: Path, sent: list[Frame], format: str, subtype: str | None = None, **more) -> int:
    with output.create(path) as out:
        recording = Recording(out, format, files.subtype_of(format, subtype), **more)
        for frame in sent:
            recording.write(frame)
        recording.close()
    return recording.clipped


def to_pipe(sent: list[Frame], format: str, subtype: str | None = None) -> bytes:
    """What a reader at the other end of a pipe gets."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as cat:
        assert cat.stdin
        assert cat.stdout
        out = output.Output(os.dup(cat.stdin.fileno()), "pipe")
        if os.fork() == 0:  # the pipe is small: another process must write while this one reads
            recording = Recording(out, format, files.subtype_of(format, subtype))
            for frame in sent:
                recording.write(frame)
            recording.close()
            os._exit(0)
        os.close(out.fd)
        cat.stdin.close()
        return cat.stdout.read()


def ffmpeg(data: bytes, rate: int = RATE) -> np.ndarray:
    command = ["ffmpeg", "-v", "error", "-i", "pipe:0", "-f", "f32le", "-ac", "1"]
    done = subprocess.run(
        [*command, "-ar", str(rate), "-"], input=data, capture_output=True, check=True
    )
    assert not done.stderr
    return np.frombuffer(done.stdout, "<f4")


def sox(data: bytes, kind: str) -> np.ndarray:
    command = ["sox", "-V1", "-t", kind, "-", "-t", "f32", "-"]
    done = subprocess.run(command, input=data, capture_output=True, check=True)
    return np.frombuffer(done.stdout, "<f4")


@pytest.mark.parametrize(
    ("format", "subtype", "tolerance"),
    [
        ("wav", None, 2e-5),
        ("wav", "PCM_24", 1e-7),
        ("wav", "PCM_32", 1e-7),
        ("wav", "float", 0),
        ("flac", None, 2e-5),
        ("flac", "PCM_24", 2e-7),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_lossless_files(
    tmp_path: Path, format: str, subtype: str | None, tolerance: float, channels: int
) -> None:
    path = tmp_path / f"x.{format}"
    samples = SAMPLES[: len(SAMPLES) // channels * channels]
    assert to_file(path, frames(samples, channels), format, subtype) == 0
    read, rate = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate == RATE
    np.testing.assert_allclose(read, samples.reshape(-1, channels), atol=tolerance)


@pytest.mark.parametrize("format", ["ogg", "opus", "mp3"])
def test_lossy_files(tmp_path: Path, format: str) -> None:
    path = tmp_path / f"x.{format}"
    to_file(path, frames(), format)
    read, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE
    assert len(SAMPLES) <= len(read) <= len(SAMPLES) + 3000
    assert_contains(read, SAMPLES)


def assert_contains(decoded: np.ndarray, samples: np.ndarray, most: int = 2000) -> None:
    """All samples are there, after so many others at most: a lossy codec is right to 20 dB."""
    size = 1 << (len(decoded) + len(samples)).bit_length()
    product = np.fft.rfft(decoded, size) * np.conj(np.fft.rfft(samples, size))
    delay = int(np.argmax(np.fft.irfft(product)))
    assert delay < most
    part = decoded[delay : delay + len(samples)]
    assert len(part) >= len(samples) - 1
    assert np.mean((part - samples[: len(part)]) ** 2) < 0.01 * np.mean(samples**2)


def test_raw_is_samples_alone(tmp_path: Path) -> None:
    to_file(tmp_path / "x.raw", frames(), "raw")
    expected = np.rint(SAMPLES.astype(np.float64) * 32768).astype("<i2")
    assert (tmp_path / "x.raw").read_bytes() == expected.tobytes()


@needs("ffmpeg", "sox")
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT"])
def test_wav_on_a_pipe(subtype: str) -> None:
    data = to_pipe(frames(), "wav", subtype)
    for read in (ffmpeg(data), sox(data, "wav")):
        np.testing.assert_allclose(read, SAMPLES, atol=4e-5)


@needs("ffmpeg", "sox")
def test_flac_on_a_pipe() -> None:
    data = to_pipe(frames(), "flac")
    for read in (ffmpeg(data), sox(data, "flac")):
        np.testing.assert_allclose(read, SAMPLES, atol=4e-5)


@needs("ffmpeg", "sox")
@pytest.mark.parametrize("format", ["ogg", "opus", "mp3"])
def test_lossy_formats_on_a_pipe(format: str) -> None:
    data = to_pipe(frames(), format)
    read = ffmpeg(data)
    assert len(SAMPLES) <= len(read) <= len(SAMPLES) + 3000
    assert_contains(read, SAMPLES)
    if format == "opus":
        assert len(read) == len(SAMPLES)
    if format == "ogg":
        assert_contains(sox(data, "ogg"), SAMPLES)


@needs("ffmpeg")
def test_a_wav_is_readable_while_it_grows() -> None:
    first = to_pipe(frames()[:3], "wav")
    np.testing.assert_allclose(ffmpeg(first), SAMPLES[: 3 * 2048], atol=4e-5)


def test_what_is_written_in_place_is_put_right(tmp_path: Path) -> None:
    """As in `(echo x; mlxtts-wav) > file`, where the file does not begin at its beginning; and as
    in `mlxtts-wav >> file`, where nothing can be put right."""
    for mode, tail in (("wb", b"\xff" * 4), ("ab", b"\xff" * 4)):
        path = tmp_path / mode
        path.write_bytes(b"ab")
        with path.open(mode, buffering=0) as file:
            if mode == "wb":
                file.write(b"ab")
            out = output.Output(os.dup(file.fileno()), "stdout")
            recording = Recording(out, "wav", "PCM_16")
            recording.write(Frame(8_000, b"\0" * 16))
            recording.close()
        data = path.read_bytes()
        size = data[2 + 40 : 2 + 44]
        assert len(data) == 2 + 44 + 8
        assert (size == tail) == (mode == "ab")
        if mode == "wb":
            assert len(soundfile.read(io.BytesIO(data[2:]))[0]) == 4


def test_odd_lengths_are_padded(tmp_path: Path) -> None:
    samples = np.array([0.25, 0.5, -1], np.float32)
    to_file(tmp_path / "x.wav", frames(samples), "wav", "PCM_24")
    assert (tmp_path / "x.wav").stat().st_size == 44 + 9 + 1
    np.testing.assert_allclose(soundfile.read(tmp_path / "x.wav")[0], samples, atol=1e-6)


def test_clipping_is_counted(tmp_path: Path) -> None:
    loud = np.array([0.5, 1.5, -2.0, 1.0], np.float32)
    assert to_file(tmp_path / "x.wav", frames(loud), "wav") == 2
    np.testing.assert_allclose(soundfile.read(tmp_path / "x.wav")[0], [0.5, 1, -1, 1], atol=1e-4)
    assert to_file(tmp_path / "x.wav", frames(loud), "wav", "FLOAT") == 0
    np.testing.assert_array_equal(soundfile.read(tmp_path / "x.wav")[0], loud)


def test_rates(tmp_path: Path) -> None:
    sent = frames() + frames(SAMPLES[::2].copy(), rate=12_000)
    to_file(tmp_path / "x.wav", sent, "wav")
    read, rate = soundfile.read(tmp_path / "x.wav")
    assert rate == RATE
    assert abs(len(read) - 2 * len(SAMPLES)) <= 2
    to_file(tmp_path / "x.opus", frames(rate=22_050), "opus")
    assert soundfile.info(tmp_path / "x.opus").samplerate == 24_000
    to_file(tmp_path / "x.wav", frames(), "wav", rate=48_000)
    assert len(soundfile.read(tmp_path / "x.wav")[0]) == 2 * len(SAMPLES)


def test_silence_is_appended_to_each_utterance(tmp_path: Path) -> None:
    to_file(tmp_path / "x.wav", frames() * 2, "wav", pause=0.5)
    read, _ = soundfile.read(tmp_path / "x.wav")
    assert len(read) == 2 * (len(SAMPLES) + RATE // 2)
    assert not read[-RATE // 2 :].any()


@pytest.mark.parametrize(
    ("format", "channels", "rate", "reason"),
    [
        ("mp3", 3, 24_000, "mp3 cannot have 3 channels"),
        ("mp3", 1, 96_000, "mp3 cannot have 96000 Hz, only 8000"),
        ("opus", 1, 44_100, "opus cannot have 44100 Hz"),
    ],
)
def test_what_a_format_cannot_have(
    tmp_path: Path, format: str, channels: int, rate: int, reason: str
) -> None:
    with output.create(tmp_path / "x") as out, pytest.raises(AudioError, match=reason):
        files.open_writer(Sink(out), format, files.SUBTYPES[format][0], rate, channels)


def test_channels_that_change(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="2 channels after 1"):
        to_file(tmp_path / "x.wav", frames() + frames(SAMPLES[:100], 2), "wav")
    assert list(tmp_path.iterdir()) == []


def test_names_of_formats_and_subtypes() -> None:
    assert [files.format_of(name) for name in ("a.WAV", "b.oga", "c.pcm")] == ["wav", "ogg", "raw"]
    with pytest.raises(UsageError, match=r"a\.xyz: no format has the suffix '\.xyz'"):
        files.format_of("a.xyz")
    with pytest.raises(UsageError, match="subtype PCM_99: flac has PCM_16, PCM_24"):
        files.subtype_of("flac", "PCM_99")


@pytest.mark.parametrize("format", files.SUBTYPES)
def test_an_utterance_without_a_sample(tmp_path: Path, format: str) -> None:
    path = tmp_path / f"x.{format}"
    to_file(path, [Frame(RATE, b"", 2)], format)
    if format == "raw":
        assert path.read_bytes() == b""
    else:
        found, rate = soundfile.read(path)
        assert rate == RATE
        assert np.abs(found).max(initial=0) < 1e-3  # what Opus makes of silence is not quite
        assert found.shape[1] == 2


def test_a_long_silence_takes_no_memory(tmp_path: Path) -> None:
    tracemalloc.start()
    to_file(tmp_path / "x.wav", frames(), "wav", pause=100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000
    assert soundfile.info(tmp_path / "x.wav").frames == len(SAMPLES) + 100 * RATE
