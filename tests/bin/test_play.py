"""mlxtts-play on a real sound server: a PulseAudio null sink, whose monitor is recorded."""

import os
import signal
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Run, environment, error_of, needs

RATE = 24_000
SPEECH = np.random.default_rng(0).uniform(-0.5, 0.5, RATE).astype(np.float32)  # finds its place


def pcm0(samples: np.ndarray, rate: int = RATE, channels: int = 1) -> bytes:
    count = samples.size // channels
    return struct.pack("<4s3I", b"PCM0", rate, count, channels) + samples.astype("<f4").tobytes()


END = pcm0(np.zeros(0))


class Server:
    """A PulseAudio of its own, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.address = f"unix:{folder / 'native'}"
        self.recording = folder / "recording"
        self.env = {
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "XDG_CONFIG_HOME": str(folder),
            "PULSE_SERVER": self.address,
        }
        sink = f"module-null-sink sink_name=test rate={RATE} channels=1 format=float32le"
        self._server = subprocess.Popen(
            [
                *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"),
                *("-L", f"module-native-protocol-unix socket={folder / 'native'}", "-L", sink),
            ],
            env={k: v for k, v in (os.environ | self.env).items() if k != "PULSE_SERVER"},
            stderr=subprocess.DEVNULL,
        )
        self._wait_until(lambda: b"test" in self._pactl("list", "short", "sinks"))
        monitor = ["parec", "-d", "test.monitor", "--format=float32le", f"--rate={RATE}"]
        with self.recording.open("wb") as file:
            self._monitor = subprocess.Popen(
                [*monitor, "--channels=1", "--latency-msec=20"],
                env=os.environ | self.env,
                stdout=file,
            )
        self._wait_until(lambda: self.recording.stat().st_size > 0)

    def heard(self) -> np.ndarray:
        """All that was played since the server started."""
        time.sleep(0.5)
        data = self.recording.read_bytes()
        return np.frombuffer(data[: len(data) // 4 * 4], "<f4")

    def stop(self) -> None:
        for process in (self._monitor, self._server):
            process.terminate()
            process.wait()

    def _pactl(self, *words: str) -> bytes:
        command = ["pactl", *words]
        return subprocess.run(
            command, env=os.environ | self.env, capture_output=True, check=False
        ).stdout

    def _wait_until(self, true: object) -> None:
        deadline = time.monotonic() + 20
        while not true():  # type: ignore[operator]
            assert self._server.poll() is None, "pulseaudio did not start"
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("pulse"))
    yield server
    server.stop()


real = needs("pulseaudio", "parec", "pactl")


def place(heard: np.ndarray, samples: np.ndarray) -> tuple[int, float]:
    """Where in `heard` the samples are, and the greatest difference."""
    size = 1 << (len(heard) + len(samples)).bit_length()
    product = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(samples, size))
    at = int(np.argmax(np.fft.irfft(product)[: max(1, len(heard) - len(samples) + 1)]))
    return at, float(np.abs(heard[at : at + len(samples)] - samples).max())


@real
def test_what_is_played_is_what_was_sent(run: Run, server: Server) -> None:
    pieces = [pcm0(SPEECH[at : at + 1000]) for at in range(0, RATE, 1000)]
    done = run("mlxtts-play", stdin=b"".join(pieces) + END, **server.env)
    assert (done.returncode, done.stderr) == (0, b"")
    heard = server.heard()
    at, difference = place(heard, SPEECH)
    assert difference < 2e-3
    assert not heard[:at].any()
    assert not heard[at + RATE :].any()


@real
def test_another_rate_is_resampled(run: Run, server: Server) -> None:
    tone = np.sin(np.arange(48_000) * 2 * np.pi * 500 / 48_000).astype(np.float32) / 2
    stdin = pcm0(SPEECH) + pcm0(tone, rate=48_000) + END
    done = run("mlxtts-play", stdin=stdin, **server.env)
    assert (done.returncode, done.stderr) == (0, b"")
    heard = server.heard()
    at, difference = place(heard, SPEECH)
    assert difference < 2e-3
    second = heard[at + RATE + 100 : at + 2 * RATE - 100]
    spectrum = np.abs(np.fft.rfft(second))
    assert abs(np.argmax(spectrum) * RATE / len(second) - 500) < 2
    assert np.sqrt(np.mean(second**2)) == pytest.approx(0.5 / 2**0.5, rel=0.02)


@real
def test_it_plays_before_the_stream_has_ended(server: Server) -> None:
    with subprocess.Popen(
        ["mlxtts-play", "--buffer-ms", "50"], stdin=subprocess.PIPE, env=environment(**server.env)
    ) as process:
        assert process.stdin
        process.stdin.write(pcm0(SPEECH[: RATE // 2]))
        process.stdin.flush()
        deadline = time.monotonic() + 10
        while not server.heard().any():
            assert time.monotonic() < deadline
        process.stdin.close()
        assert process.wait() == 0


@real
def test_underruns_are_silence_and_are_counted(server: Server) -> None:
    with subprocess.Popen(
        ["mlxtts-play"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(**server.env),
    ) as process:
        assert process.stdin
        assert process.stderr
        for at in (0, RATE // 2):
            process.stdin.write(pcm0(SPEECH[at : at + RATE // 2]))
            process.stdin.flush()
            time.sleep(3)
        process.stdin.write(END + pcm0(SPEECH[:100]) + END)
        process.stdin.close()
        said = process.stderr.read().decode()
        assert process.wait() == 0
    assert said.startswith("mlxtts-play: 2 underruns, ")
    assert said.endswith(" s of silence: sound came too late\n")
    heard = server.heard()
    for half in (SPEECH[: RATE // 2], SPEECH[RATE // 2 :]):
        assert place(heard, half)[1] < 2e-3


@real
def test_ctrl_c_stops_at_once(server: Server) -> None:
    with subprocess.Popen(
        ["mlxtts-play"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(**server.env),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # in the background: off
    ) as process:
        assert process.stdin
        assert process.stderr
        process.stdin.write(pcm0(np.tile(SPEECH, 8)))
        process.stdin.flush()
        while not server.heard().any():
            assert process.poll() is None
        started = time.monotonic()
        os.kill(process.pid, signal.SIGINT)
        assert process.wait() == -signal.SIGINT
        assert time.monotonic() - started < 1
        assert process.stderr.read() == b""


@real
def test_devices(run: Run, server: Server) -> None:
    done = run("mlxtts-play", "--list-devices", **server.env)
    assert done.returncode == 0
    assert "pulse" in done.stdout.decode()
    done = run("mlxtts-play", "--device", "trumpet", stdin=pcm0(SPEECH) + END, **server.env)
    assert (done.returncode, error_of(done)) == (
        1,
        "mlxtts-play: No output device matching 'trumpet'",
    )
    done = run("mlxtts-play", "--device", "pulse", stdin=pcm0(SPEECH) + END, **server.env)
    assert (done.returncode, done.stderr) == (0, b"")


@real
def test_channels(run: Run, server: Server) -> None:
    stereo = np.stack([SPEECH, SPEECH], axis=1)
    stdin = pcm0(stereo.ravel(), channels=2) + pcm0(SPEECH) + END
    assert run("mlxtts-play", stdin=stdin, **server.env).returncode == 0
    heard = server.heard()
    _, difference = place(heard, np.concatenate([SPEECH, SPEECH]))
    assert difference < 2e-3
    done = run("mlxtts-play", stdin=pcm0(SPEECH) + pcm0(stereo.ravel(), channels=2), **server.env)
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
