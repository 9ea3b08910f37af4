"""Parity with the reference through golden codes; the recording is longer than what is encoded at a
time, and than the window."""

from pathlib import Path

import numpy as np
import pytest

from mlxtts import codecs
from mlxtts.codecs.mimi.encoder import STRETCH, Encoder
from mlxtts.errors import ModelError
from mlxtts.nn import mx
from tests import mimi, weights

GOLDEN = np.load(Path(__file__).parents[2] / "golden" / "mimi.npz")["codes"]
RECORDING = mimi.recording(60, 80)


@pytest.fixture(scope="module")
def small() -> Encoder:
    return mimi.build_encoder(weights.MIMI_SMALL)


def test_codes_are_the_references(small: Encoder) -> None:
    assert len(GOLDEN) == 60 > 2 * STRETCH
    np.testing.assert_array_equal(small.encode(mx.array(RECORDING)), GOLDEN)
    assert min(len({*level.tolist()}) for level in GOLDEN.T) > 5


def test_a_recording_of_any_length(small: Encoder) -> None:
    """The last frame is filled up with silence; the others do not depend on it."""
    whole = small.encode(mx.array(RECORDING))
    filled = np.concatenate([RECORDING[:810], np.zeros(70, np.float32)])
    found = small.encode(mx.array(RECORDING[:810]))
    assert found == small.encode(mx.array(filled))
    assert found[:10] == whole[:10]
    assert len(found) == 11
    assert small.encode(mx.array([])) == []


def test_an_encoder_is_loaded_by_the_codecs_name(small: Encoder, tmp_path: Path) -> None:
    tensors = weights.mimi(weights.MIMI_SMALL)
    mimi.write(tmp_path, weights.MIMI_SMALL, tensors)
    encoder = codecs.load_encoder("mimi", tmp_path)
    assert encoder.rate == 24_000
    assert encoder.encode(mx.array(RECORDING[:800])) == small.encode(mx.array(RECORDING[:800]))
    del tensors["encoder.layers.0.conv.bias"]
    mimi.write(tmp_path, weights.MIMI_SMALL, tensors)
    with pytest.raises(ModelError, match=r"no tensor encoder\.layers\.0\.conv\.bias"):
        codecs.load_encoder("mimi", tmp_path)
    assert codecs.load("mimi", tmp_path).frame_codes == 5
    with pytest.raises(ModelError, match="codec 'snac': has no encoder here"):
        codecs.load_encoder("snac", tmp_path)
