"""The filters of sound as commands: what they do to a stream, and when."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import struct
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from mlxtts.wire import pcm0
from tests.bin.test_every_command import INSTALLED, examples
from tests.conftest import ROOT, Run, environment, error_of, needs

RATE = 24_000
SOUND = (0.4 * np.sin(np.arange(RATE) * 0.06)).astype(np.float32)
END = pcm0.encode_end(RATE)
FILTERS = ["mlxtts-tempo 1.5", "mlxtts-tempo 0.7", "mlxtts-smooth", "mlxtts-meter"]


def encode(samples: np.ndarray, rate: int = RATE, channels: int = 1) -> bytes:
    return pcm0.encode(pcm0.Frame(rate, samples.astype("<f4").tobytes(), channels))


def cut(samples: np.ndarray, step: int) -> bytes:
    return b"".join(encode(samples[at : at + step]) for at in range(0, len(samples), step))


def decode(data: bytes) -> list[pcm0.Frame]:
    return list(pcm0.Reader().read([data]))


def sound(frames: list[pcm0.Frame]) -> np.ndarray:
    return np.frombuffer(b"".join(frame.payload for frame in frames), "<f4")


@pytest.mark.parametrize("command", FILTERS)
def test_each_utterance_is_over_before_the_next_begins(run: Run, command: str) -> None:
    one = run(command, stdin=cut(SOUND, 1000) + END).stdout
    assert decode(one)[-1].is_end
    assert [frame.is_end for frame in decode(one)].count(True) == 1
    assert run(command, stdin=2 * (cut(SOUND, 1000) + END)).stdout == 2 * one
    assert run(command, stdin=cut(SOUND, 1000)).stdout == one[: -len(END)]
    assert run(command, stdin=2 * END).stdout == 2 * END


@pytest.mark.parametrize("command", FILTERS[1:3])
def test_the_rate_and_the_channels_may_change(run: Run, command: str) -> None:
    parts = [encode(SOUND), encode(SOUND, 8_000), encode(SOUND, 8_000, 2), END]
    done = run(command, stdin=b"".join(parts))
    assert done.returncode == 0
    assert done.stdout == b"".join(run(command, stdin=part).stdout for part in parts)


@pytest.mark.parametrize("command", FILTERS)
def test_sound_leaves_before_the_utterance_is_over(command: str) -> None:
    with subprocess.Popen(
        command.split(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(encode(SOUND[:2400]))
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], 60)
        assert ready
        assert os.read(process.stdout.fileno(), 65536)[:4] == b"PCM0"
        process.stdin.close()


@pytest.mark.parametrize("factor", ["0.5", "1.7"])
def test_tempo_does_not_depend_on_the_frames(run: Run, factor: str) -> None:
    one, two = (
        sound(decode(run("mlxtts-tempo", factor, stdin=cut(SOUND, step) + END).stdout))
        for step in (RATE, 101)
    )
    assert one.tobytes() == two.tobytes()
    assert len(one) == round(RATE / float(factor))


def test_as_fast_gives_the_same_bytes(run: Run) -> None:
    stdin = cut(SOUND, 777) + END
    assert run("mlxtts-tempo", "1", stdin=stdin).stdout == stdin


def test_a_sentence_takes_as_long_as_it_should(run: Run) -> None:
    run("mlxtts-tokens One. > a; mlxtts-decode a > one; mlxtts-tempo 1.3 one -o fast")
    one, fast = (sound(decode(run("cat", name).stdout)) for name in ("one", "fast"))
    assert len(fast) == round(len(one) / 1.3)
    assert np.sqrt(np.mean(fast**2)) == pytest.approx(np.sqrt(np.mean(one**2)), rel=0.2)


def test_smooth_takes_the_steps_at_seams_away(run: Run) -> None:
    stdin = encode(SOUND[:1000]) + encode(-SOUND[1000:2000]) + END
    before, after = (
        sound(decode(data)) for data in (stdin, run("mlxtts-smooth", stdin=stdin).stdout)
    )
    assert len(before) == len(after)
    assert np.abs(np.diff(before)).max() > 0.1
    assert np.abs(np.diff(after)).max() < 0.04
    changed = np.flatnonzero(before != after)
    assert changed.min() >= 1000
    assert changed.max() < 1120
    longer = run("mlxtts-smooth", "--crossfade-ms", "20", stdin=stdin).stdout
    assert np.flatnonzero(before != sound(decode(longer))).max() > 1400


def test_the_meter_changes_nothing_and_tells(run: Run) -> None:
    stdin = 2 * (cut(SOUND, 1000) + END)
    done = run("mlxtts-meter", stdin=stdin)
    assert (done.returncode, done.stdout) == (0, stdin)
    said = error_of(done)
    assert said.startswith("mlxtts-meter: 2.00 s at 24000 Hz, utterances 2, ")
    assert said.endswith(" peak -8.0 dB, RMS -11.0 dB, silence 0.00 s, clipped 0")
    assert error_of(run("mlxtts-meter", "-q", stdin=stdin)).startswith("mlxtts-meter: 2.00 s")
    assert error_of(run("mlxtts-meter", "--name", "a b", stdin=stdin)).startswith("a b: 2.00 s")


def test_the_meter_tells_machines(run: Run) -> None:
    done = run("mlxtts-meter", "--json", "--name", "x", stdin=cut(SOUND * 3, 1000) + END)
    told = json.loads(error_of(done))
    assert told["name"] == "x"
    assert (told["seconds"], told["utterances"], told["frames"]) == (1, 1, 25)
    assert told["clipped"] == np.count_nonzero(np.abs(SOUND * 3) > 1)
    assert 0 < told["first_frame"] <= told["elapsed"]
    page = (ROOT / "man" / "mlxtts-meter.1").read_text()
    documented = {
        name for line in re.findall(r"^\.It ([a-z_, ]+)$", page, re.M) for name in line.split(", ")
    }
    assert documented == set(told) - {"name"}


def test_the_meter_finds_out_that_sound_comes_late() -> None:
    with subprocess.Popen(
        ["mlxtts-meter", "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(encode(SOUND[:2400]))
        process.stdin.flush()
        assert os.read(process.stdout.fileno(), 16)
        time.sleep(0.5)
        told = json.loads(process.communicate(encode(SOUND[:2400]))[1])
    assert told["buffer_needed"] >= 0.4


SLOWLY = "cat x.pcm0; until test -s out; do sleep 0.05; done; sleep 0.3; cat x.pcm0"
"""The second half some time after the meter has begun to read the first."""


@pytest.mark.skipif(not shutil.which("script"), reason="needs script on PATH")
def test_a_line_lives_on_a_terminal(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.pcm0").write_bytes(cut(np.tile(SOUND, 20), 1000) + END)
    slow = f"({SLOWLY}; sleep 0.3; cat x.pcm0) | mlxtts-meter {{}} > out"
    said = run(f"script -qec '{slow.format('')}' /dev/null").stdout.decode()
    *live, last = said.removesuffix("\r\n").split("\r\x1b[K")
    assert len(live) >= 2
    assert all(
        re.fullmatch(r"mlxtts-meter: +[\d.]+ s +[\d.]+ x +-[\d.]+ dB \|#+ *\|", s) for s in live
    )
    assert last.startswith("mlxtts-meter: 60.00 s at 24000 Hz")
    said = run(f"script -qec '{slow.format('-q')}' /dev/null").stdout.decode()
    assert said.startswith("mlxtts-meter: 60.00 s at 24000 Hz")


def test_what_a_filter_holds_is_heard_before_a_file_that_is_not_there(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "x.pcm0").write_bytes(encode(SOUND))
    alone = run("mlxtts-tempo", "0.5", "x.pcm0").stdout
    done = run("mlxtts-tempo", "0.5", "x.pcm0", "nothing")
    assert (done.returncode, done.stdout) == (1, alone)


@pytest.mark.skipif(not shutil.which("script"), reason="needs script on PATH")
def test_a_report_and_an_error_take_the_place_of_the_live_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.pcm0").write_bytes(encode(SOUND))
    line = f"({SLOWLY}; echo x) | mlxtts-meter > out"
    said = run(f"script -qec '{line}' /dev/null").stdout.decode()
    assert "|\r\x1b[Kmlxtts-meter: 2.00 s at 24000 Hz" in said
    assert said.endswith("\r\nmlxtts-meter: stdin: byte 192032: no PCM0 frame begins here\r\n")


def through_examples(run: Run, number: int, stdin: bytes) -> np.ndarray:
    """What the filter in an example of mlxtts-filters(7) makes of this stream."""
    lines = examples("mlxtts-filters.7")[number]
    lines = lines.replace("mlxtts-tokens Hello. | mlxtts-decode |", "")
    lines = re.sub(r"\| mlxtts-wav -o \S+", "", lines)
    done = run(lines, stdin=stdin, **INSTALLED)
    assert (done.returncode, done.stderr) == (0, b"")
    frames = decode(done.stdout)
    assert [frame.is_end for frame in frames if frame.is_end] == [True, True]
    assert frames[-1].is_end
    return sound(frames)


@needs("perl", "cc")
def test_the_examples_do_what_the_page_says(run: Run) -> None:
    stdin = 2 * (cut(SOUND, 1000) + END)
    for number in (0, 1):
        np.testing.assert_array_equal(
            through_examples(run, number, stdin), np.concatenate([SOUND, SOUND]) / 2
        )
    tail = np.zeros(3 * RATE // 10, np.float32)
    echo = np.concatenate([SOUND, tail]) + np.concatenate([tail, SOUND]) / 2
    np.testing.assert_array_equal(through_examples(run, 2, stdin), np.concatenate([echo, echo]))


def test_the_skeleton_is_a_command_to_copy(run: Run, tmp_path: Path) -> None:
    text = (ROOT / "examples" / "mlxtts-skeleton").read_text()
    own = tmp_path / "mlxtts-own"
    own.write_text(text.replace("mlxtts-skeleton", own.name))
    own.chmod(0o755)
    mine = INSTALLED | {"PATH": f"{tmp_path}{os.pathsep}{environment()['PATH']}"}
    assert "own        PCM0 to PCM0, a filter to copy" in run("mlxtts", **mine).stdout.decode()
    stdin = cut(SOUND, 1000) + END
    assert run("mlxtts", "own", stdin=stdin, **mine).stdout == stdin
    louder = run("mlxtts", "own", "--factor", "2", stdin=stdin, **mine).stdout
    np.testing.assert_array_equal(sound(decode(louder)), 2 * SOUND)
    done = run("mlxtts", "own", stdin=struct.pack("<4s3I", b"PCM1", 1, 1, 1), **mine)
    assert (done.returncode, error_of(done)) == (
        1,
        "mlxtts-own: stdin: byte 0: no PCM0 frame begins here",
    )


@pytest.mark.parametrize(
    "line",
    [
        "mlxtts-tempo 1.5 -o out x.pcm0",
        "mlxtts-tempo -o out 1.5 x.pcm0",
        "mlxtts-tempo -o out -- 1.5 x.pcm0",
        "mlxtts-smooth -o out x.pcm0 -q",
        "mlxtts-wav --append-silence 0 x.pcm0 -o out --format wav y.pcm0",
    ],
)
def test_options_may_stand_anywhere(run: Run, tmp_path: Path, line: str) -> None:
    for name in ("x.pcm0", "y.pcm0"):
        (tmp_path / name).write_bytes(cut(SOUND, 1000) + END)
    assert run(line).stderr == b""
    assert (tmp_path / "out").stat().st_size > 4 * len(SOUND) // 2
