import numpy as np
import pytest

from mlxtts import StreamingAudioProcessor
from mlxtts.errors import UsageError

RATE = 24_000
TONE = np.sin(np.arange(RATE) * 2 * np.pi * 200 / RATE).astype(np.float32) / 2


def test_a_step_between_chunks_is_smoothed() -> None:
    chunks = [TONE[:5000], TONE[5060:9000]]
    raw = np.abs(np.diff(np.concatenate(chunks))).max()
    processor = StreamingAudioProcessor(10)
    joined = [processor.process_chunk(chunk) for chunk in chunks]
    assert [len(chunk) for chunk in joined] == [5000, 3940]
    whole = processor.get_concatenated_audio()
    np.testing.assert_array_equal(whole, np.concatenate(joined))
    assert np.abs(np.diff(whole)).max() < raw / 5


def test_no_crossfade_changes_nothing() -> None:
    processor = StreamingAudioProcessor(0)
    np.testing.assert_array_equal(processor.process_chunk(TONE), TONE)
    assert len(StreamingAudioProcessor().get_concatenated_audio()) == 0


def test_what_cannot_be_meant() -> None:
    with pytest.raises(UsageError, match="a crossfade must be"):
        StreamingAudioProcessor(-1)
    with pytest.raises(ValueError, match=r"a chunk must be \(n,\), not \(2, 3\)"):
        StreamingAudioProcessor().process_chunk(np.zeros((2, 3), np.float32))
