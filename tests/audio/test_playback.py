"""The queue between two threads; the real thing with a sound server is in tests/bin."""

import ctypes
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxtts.audio.playback import Queue
from tests.conftest import ROOT


def column(samples: list[float]) -> np.ndarray:
    return np.array(samples, np.float32)[:, None]


@given(st.lists(st.integers(1, 9), max_size=8), st.lists(st.integers(1, 9), max_size=12))
def test_samples_come_out_in_order_and_then_silence(sent: list[int], asked: list[int]) -> None:
    queue = Queue()
    queue.flowing = True
    total = sum(sent)
    at = 1
    for length in sent:
        queue.write(column(list(range(at, at + length))))
        at += length
    out = np.zeros((0, 1), np.float32)
    for length in asked:
        block = np.full((length, 1), 99, np.float32)
        queue.play(block)
        out = np.concatenate([out, block])
    expected = [*range(1, total + 1), *[0] * sum(asked)][: sum(asked)]
    assert out[:, 0].tolist() == expected
    assert queue.waiting == max(0, total - sum(asked))


def test_only_a_gap_within_an_utterance_is_an_underrun() -> None:
    queue = Queue()
    block = column([0] * 10)
    queue.play(block)
    assert queue.underruns == 0
    queue.write(column([1] * 4))
    queue.filling = True
    queue.play(block)
    assert (block.any(), queue.underruns, queue.waiting) == (False, 0, 4)
    queue.flowing = True
    queue.play(block)
    queue.play(block)
    assert (queue.underruns, queue.silence) == (1, 16)
    queue.write(column([1] * 12))
    queue.play(block)
    queue.play(block)
    assert (queue.underruns, queue.silence) == (2, 24)
    queue.filling = False
    queue.write(column([1] * 4))
    queue.play(block)
    assert queue.underruns == 2


ALSA_ERROR = """
import ctypes, sys
from mlxtts.audio import playback
if "quiet" in sys.argv: playback._quiet_alsa()
ctypes.CDLL("libasound.so.2").snd_pcm_open(ctypes.byref(ctypes.c_void_p()), b"nosuch", 0, 0)
"""


def test_alsa_keeps_its_errors_to_itself() -> None:
    try:
        ctypes.CDLL("libasound.so.2")
    except OSError:
        pytest.skip("needs ALSA's library")
    loud, quiet = (
        subprocess.run(
            [sys.executable, "-c", ALSA_ERROR, *words], capture_output=True, check=True, cwd=ROOT
        ).stderr
        for words in ([], ["quiet"])
    )
    assert b"nosuch" in loud
    assert quiet == b""
