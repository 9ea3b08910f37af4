"""mlxtts-play on a real sound server: a PulseAudio null sink, whose monitor is recorded."""

import os
import signal
import struct
import subprocess

import numpy as np
import pytest

from tests.conftest import Run, environment, error_of, needs_pulse
from tests.pulse import RATE, Loudspeaker

SPEECH = np.random.default_rng(0).uniform(-0.5, 0.5, RATE).astype(np.float32)  # finds its place


def pcm0(samples: np.ndarray, rate: int = RATE, channels: int = 1) -> bytes:
    count = samples.size // channels
    return struct.pack("<4s3I", b"PCM0", rate, count, channels) + samples.astype("<f4").tobytes()


END = pcm0(np.zeros(0))
PATIENT = ["mlxtts-play", "--buffer-ms", "2000"]  # so that a busy machine has no underruns


def place(heard: np.ndarray, samples: np.ndarray) -> tuple[int, float]:
    """Where in `heard` the samples are, and the greatest difference."""
    size = 1 << (len(heard) + len(samples)).bit_length()
    product = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(samples, size))
    at = int(np.argmax(np.fft.irfft(product)[: max(1, len(heard) - len(samples) + 1)]))
    return at, float(np.abs(heard[at : at + len(samples)] - samples).max())


@needs_pulse
def test_what_is_played_is_what_was_sent(run: Run, loudspeaker: Loudspeaker) -> None:
    pieces = [pcm0(SPEECH[at : at + 1000]) for at in range(0, RATE, 1000)]
    done = run(*PATIENT, stdin=b"".join(pieces) + END, **loudspeaker.env)
    assert (done.returncode, done.stderr) == (0, b"")
    heard = loudspeaker.heard()
    at, difference = place(heard, SPEECH)
    assert difference < 2e-3
    assert not heard[:at].any()
    assert not heard[at + RATE :].any()


@needs_pulse
def test_another_rate_is_resampled(run: Run, loudspeaker: Loudspeaker) -> None:
    tone = np.sin(np.arange(48_000) * 2 * np.pi * 500 / 48_000).astype(np.float32) / 2
    stdin = pcm0(SPEECH) + pcm0(tone, rate=48_000) + END
    done = run(*PATIENT, stdin=stdin, **loudspeaker.env)
    assert (done.returncode, done.stderr) == (0, b"")
    heard = loudspeaker.heard()
    at, difference = place(heard, SPEECH)
    assert difference < 2e-3
    second = heard[at + RATE + 100 : at + 2 * RATE - 100]
    spectrum = np.abs(np.fft.rfft(second))
    assert abs(np.argmax(spectrum) * RATE / len(second) - 500) < 2
    assert np.sqrt(np.mean(second**2)) == pytest.approx(0.5 / 2**0.5, rel=0.02)


@needs_pulse
def test_it_plays_before_the_stream_has_ended(loudspeaker: Loudspeaker) -> None:
    with subprocess.Popen(
        ["mlxtts-play", "--buffer-ms", "50"],
        stdin=subprocess.PIPE,
        env=environment(**loudspeaker.env),
    ) as process:
        assert process.stdin
        process.stdin.write(pcm0(SPEECH[: RATE // 2]))
        process.stdin.flush()
        loudspeaker.until(lambda: loudspeaker.recorded().any())
        process.stdin.close()
        assert process.wait() == 0


@needs_pulse
def test_underruns_are_silence_and_are_counted(loudspeaker: Loudspeaker) -> None:
    halves = SPEECH[: RATE // 2], SPEECH[RATE // 2 :]
    with subprocess.Popen(
        ["mlxtts-play"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(**loudspeaker.env),
    ) as process:
        assert process.stdin
        assert process.stderr
        for half in halves:
            process.stdin.write(pcm0(half))
            process.stdin.flush()
            loudspeaker.until(lambda half=half: starved(loudspeaker.recorded(), half))
        process.stdin.write(END + pcm0(SPEECH[:100]) + END)
        process.stdin.close()
        said = process.stderr.read().decode()
        assert process.wait() == 0
    assert said.startswith("mlxtts-play: 2 underruns, ")
    assert said.endswith(" s of silence: sound came too late\n")
    heard = loudspeaker.heard()
    for half in halves:
        assert place(heard, half)[1] < 2e-3


def starved(heard: np.ndarray, samples: np.ndarray) -> bool:
    """Whether these were heard, and after them half a second of nothing."""
    if len(heard) < len(samples) + RATE // 2 or heard[-RATE // 2 :].any():
        return False
    return place(heard[: -RATE // 2], samples)[1] < 2e-3


@needs_pulse
def test_ctrl_c_stops_at_once(loudspeaker: Loudspeaker) -> None:
    with subprocess.Popen(
        ["mlxtts-play"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(**loudspeaker.env),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # in the background: off
    ) as process:
        assert process.stdin
        assert process.stderr
        process.stdin.write(pcm0(np.tile(SPEECH, 8)))
        process.stdin.flush()
        loudspeaker.until(lambda: loudspeaker.recorded().any())
        os.kill(process.pid, signal.SIGINT)
        assert process.wait() == -signal.SIGINT
        assert process.stderr.read() == b""
    assert np.count_nonzero(loudspeaker.heard()) < 4 * RATE  # of 8 seconds


@needs_pulse
@pytest.mark.parametrize("after", [b"garbage", pcm0(SPEECH[:100], channels=2)])
def test_what_came_before_an_error_is_heard(
    run: Run, loudspeaker: Loudspeaker, after: bytes
) -> None:
    done = run(*PATIENT, stdin=pcm0(SPEECH) + END + after, **loudspeaker.env)
    assert done.returncode == 1
    assert error_of(done).startswith("mlxtts-play: ")
    assert place(loudspeaker.heard(), SPEECH)[1] < 2e-3


@needs_pulse
def test_devices(run: Run, loudspeaker: Loudspeaker) -> None:
    done = run("mlxtts-play", "--list-devices", **loudspeaker.env)
    assert done.returncode == 0
    assert "pulse" in done.stdout.decode()
    done = run("mlxtts-play", "--device", "trumpet", stdin=pcm0(SPEECH) + END, **loudspeaker.env)
    assert (done.returncode, error_of(done)) == (
        1,
        "mlxtts-play: No output device matching 'trumpet'",
    )
    done = run("mlxtts-play", "--device", "pulse", stdin=pcm0(SPEECH) + END, **loudspeaker.env)
    assert (done.returncode, done.stderr) == (0, b"")


@needs_pulse
def test_channels(run: Run, loudspeaker: Loudspeaker) -> None:
    stereo = np.stack([SPEECH, SPEECH], axis=1)
    stdin = pcm0(stereo.ravel(), channels=2) + pcm0(SPEECH) + END
    assert run("mlxtts-play", stdin=stdin, **loudspeaker.env).returncode == 0
    heard = loudspeaker.heard()
    _, difference = place(heard, np.concatenate([SPEECH, SPEECH]))
    assert difference < 2e-3
    done = run(
        "mlxtts-play", stdin=pcm0(SPEECH) + pcm0(stereo.ravel(), channels=2), **loudspeaker.env
    )
    assert (done.returncode, error_of(done)) == (1, "mlxtts-play: 2 channels after 1")


def test_without_a_device_it_says_what_to_do(run: Run) -> None:
    nowhere = {"PULSE_SERVER": "unix:/nonexistent"}
    if run("mlxtts-play", "--list-devices", **nowhere).returncode == 0:
        pytest.skip("this machine has a sound device")
    for arguments in ([], ["--list-devices"]):
        done = run("mlxtts-play", *arguments, stdin=pcm0(SPEECH) + END, timeout=30, **nowhere)
        assert done.returncode == 1
        said = error_of(done)
        assert said.startswith("mlxtts-play: ")
        assert "mlxtts-wav -o FILE" in said or "libportaudio2" in said
