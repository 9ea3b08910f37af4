"""A loudspeaker that is recorded: a PulseAudio of its own with a null sink, and its monitor."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

RATE = 24_000
QUIET = RATE // 4  # so much silence is the end of what was played


class Loudspeaker:
    """`env`: what a command needs to find it. It hears from its start on, or from `listen`."""

    def __init__(self, folder: Path) -> None:
        self.env = {
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "XDG_CONFIG_HOME": str(folder),
            "PULSE_SERVER": f"unix:{folder / 'native'}",
            "PULSE_CONFIG": str(folder / "daemon.conf"),
        }
        # PulseAudio ends itself when a thread has not paused for 0.2 s, which a busy machine does,
        # and aborts where clients that come and go share its memory (version 16.1: memblock.c,
        # n_imported).
        (folder / "daemon.conf").write_text("rlimit-rttime = -1\nenable-shm = no\n")
        self._log = folder / "log"
        self._recording = folder / "recording"
        self._from = 0
        sink = f"module-null-sink sink_name=test rate={RATE} channels=1 format=float32le"
        self._server = subprocess.Popen(
            [
                *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"),
                *("-L", f"module-native-protocol-unix socket={folder / 'native'}", "-L", sink),
            ],
            env={k: v for k, v in (os.environ | self.env).items() if k != "PULSE_SERVER"},
            stderr=self._log.open("wb"),
        )
        self.until(lambda: b"test" in self._pactl("list", "short", "sinks"))
        monitor = ["parec", "-d", "test.monitor", "--format=float32le", f"--rate={RATE}"]
        with self._recording.open("wb") as file:
            self._monitor = subprocess.Popen(
                [*monitor, "--channels=1", "--latency-msec=20"],
                env=os.environ | self.env,
                stdout=file,
            )
        self.until(lambda: self.recorded().size > 0)

    def listen(self) -> None:
        """Hear only what is played from now on, by others than before."""
        self._from += self.heard().size

    def recorded(self) -> np.ndarray:
        """What was heard by now."""
        return np.fromfile(self._recording, "<f4", offset=4 * self._from)

    def heard(self) -> np.ndarray:
        """What was heard when all has been that is being played: until nothing is."""
        before = self.recorded().size
        self.until(lambda: before + QUIET <= self.recorded().size)
        self.until(lambda: not self.recorded()[-QUIET:].any())
        return self.recorded()

    def until(self, true: Callable[[], object]) -> None:
        deadline = time.monotonic() + 60
        while not true():
            ended = self._server.poll()
            assert ended is None, f"pulseaudio has ended: {ended}, {self._log.read_text()[-999:]}"
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def stop(self) -> None:
        for process in (self._monitor, self._server):
            process.terminate()
            process.wait()

    def _pactl(self, *words: str) -> bytes:
        command = ["pactl", *words]
        return subprocess.run(
            command, env=os.environ | self.env, capture_output=True, check=False
        ).stdout
