"""Mimi against transformers' MimiModel, live, on the same weights."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlxtts.codecs.mimi.codec import Codec, load
from mlxtts.codecs.mimi.encoder import Encoder
from mlxtts.nn import mx
from mlxtts.nn.random import key
from mlxtts.nn.streaming import State
from tests import mimi, weights
from tests.conftest import write_safetensors
from tests.parity import references

FULL = weights.MIMI_FULL
FRAMES = weights.mimi_codes(FULL, 12, seed=1)
THIN = FULL | {"num_filters": 4, "num_hidden_layers": 2, "codebook_size": 512}
"""Quick, with the published window."""
Record = Callable[[str, object], None]


@cache
def tensors() -> weights.Tensors:
    return weights.mimi(FULL, seed=1)


@cache
def reference() -> Any:
    return references.mimi_model(FULL, tensors())


@cache
def thin() -> tuple[weights.Tensors, Any]:
    tensors = weights.mimi(THIN)
    return tensors, references.mimi_model(THIN, tensors)


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


@pytest.mark.parametrize("chunk", [1, 5])
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
    """So many frames that the transformer no longer looks at the first."""
    tensors, reference = thin()
    frames = weights.mimi_codes(THIN, 140, seed=2)
    expected = references.mimi_decode(reference, frames)
    assert snr(expected, decode(mimi.build(THIN, tensors), 25, frames)) > 100


def test_moshis_file_is_the_same_codec(tmp_path: Path) -> None:
    needed = {name: t for name, t in tensors().items() if not name.startswith("encoder")}
    path = tmp_path / "tokenizer-e351c8d8-checkpoint125.safetensors"
    write_safetensors(path, mimi.moshi(needed, FULL))
    found = load(tmp_path).stream(key(0, "")).push(FRAMES)
    np.testing.assert_array_equal(np.array(found), decode(codec(), 12))


def excuse(encoder: Encoder, samples: np.ndarray, found: np.ndarray, expected: np.ndarray) -> None:
    """Where the codes of a frame are first unlike the reference's, two vectors must be as near as
    float32 can tell: then another arithmetic may choose the other one, after which the rest of the
    frame is another."""
    vectors, _ = encoder.vectors(mx.array(samples)[None, :, None], State((0,)))
    for frame in np.flatnonzero((found != expected).any(axis=1)):
        level = int(np.flatnonzero(found[frame] != expected[frame])[0])
        part = encoder.quantizer.acoustic_residual_vector_quantizer
        first = 1
        if not level:
            part, first = encoder.quantizer.semantic_residual_vector_quantizer, 0
        books = np.array(part.codebooks, np.float64)
        rest = np.array(vectors[0, int(frame)], np.float64) @ np.array(part.input_proj.weight)
        for before in range(first, level):
            rest = rest - books[before - first, found[frame, before]]
        near, other = (
            np.sum((rest - books[level - first, codes[frame, level]]) ** 2)
            for codes in (found, expected)
        )
        assert abs(near - other) < 1e-6 * near, (frame, level)


def test_encoding(record_property: Record) -> None:
    samples = mimi.recording(30, 1920)
    encoder = mimi.build_encoder(FULL, tensors())
    expected = np.array(references.mimi_encode(reference(), samples))
    found = np.array(encoder.encode(mx.array(samples)))
    assert found.shape == expected.shape == (30, 32)
    differ = int((found != expected).sum())
    record_property("mimi, codes unlike transformers'", f"{differ} of {expected.size}")
    excuse(encoder, samples, found, expected)
    assert (found == expected).all(axis=1).mean() > 0.9
    assert len({*expected[:, 0].tolist()}) > 10


def test_encoding_beyond_the_window() -> None:
    tensors, reference = thin()
    samples = mimi.recording(140, 1920)
    encoder = mimi.build_encoder(THIN, tensors)
    expected = np.array(references.mimi_encode(reference, samples))
    found = np.array(encoder.encode(mx.array(samples)))
    excuse(encoder, samples, found, expected)
    assert (found == expected).all(axis=1).mean() > 0.9
