"""Mimi against transformers' MimiModel, live, on the same weights."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlxtts.codecs.mimi.codec import Codec, load
from mlxtts.nn.random import key
from tests import mimi, weights
from tests.conftest import write_safetensors
from tests.parity import references

FULL = weights.MIMI_FULL
FRAMES = weights.mimi_codes(FULL, 12, seed=1)
Record = Callable[[str, object], None]


@cache
def tensors() -> weights.Tensors:
    return weights.mimi(FULL, seed=1)


@cache
def reference() -> Any:
    return references.mimi_model(FULL, tensors())


@cache
def codec() -> Codec:
    return mimi.build(FULL, tensors())


def snr(expected: np.ndarray, found: np.ndarray) -> float:
    """Decibels."""
    assert found.shape == expected.shape
    return float(10 * np.log10(np.mean(expected**2) / np.mean((expected - found) ** 2)))


def decode(codec: Codec, chunk: int, frames: list[list[int]] = FRAMES) -> np.ndarray:
    stream = codec.stream(key(0, ""))
    pieces = [stream.push(frames[at : at + chunk]) for at in range(0, len(frames), chunk)]
    return np.concatenate([np.array(piece) for piece in [*pieces, stream.flush()]])


@pytest.mark.parametrize("chunk", [1, 5, 12])
def test_full_size(record_property: Record, chunk: int) -> None:
    expected = references.mimi_decode(reference(), FRAMES)
    found = snr(expected, decode(codec(), chunk))
    record_property(f"mimi, {chunk} frames at a time, against transformers", f"{found:.0f} dB")
    assert found > 100
    assert np.sqrt(np.mean(expected**2)) > 0.05


def test_eight_codes_a_frame() -> None:
    few = [frame[:8] for frame in FRAMES]
    expected = references.mimi_decode(reference(), few)
    assert snr(expected, decode(codec(), 5, few)) > 100
    assert snr(references.mimi_decode(reference(), FRAMES), expected) < 20


def test_beyond_the_window() -> None:
    """So many frames that the transformer no longer looks at the first; with few channels in the
    convolutions, which take most of the time."""
    thin = FULL | {"num_filters": 4}
    tensors = weights.mimi(thin)
    frames = weights.mimi_codes(thin, 150, seed=2)
    expected = references.mimi_decode(references.mimi_model(thin, tensors), frames)
    assert snr(expected, decode(mimi.build(thin, tensors), 25, frames)) > 100


def test_moshis_file_is_the_same_codec(tmp_path: Path) -> None:
    write_safetensors(
        tmp_path / "tokenizer-e351c8d8-checkpoint125.safetensors", mimi.moshi(tensors(), FULL)
    )
    found = load(tmp_path).stream(key(0, "")).push(FRAMES)
    np.testing.assert_array_equal(np.array(found), decode(codec(), 12))
