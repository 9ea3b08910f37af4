"""Token records to PCM0 frames, with a codec that is easy to reckon with."""

import struct
from collections.abc import Sequence

import numpy as np
import pytest

from mlxtts.codecs.decoding import Decoding, Options
from mlxtts.errors import ModelError, TokensError, UsageError
from mlxtts.wire.pcm0 import Frame
from mlxtts.wire.tokens import Begin, Codes, End, Header, Record
from tests.codecs.fake import Codec

HEADER = Header("fake", "here", 8_000, seed=5)


def decode(records: Sequence[Record], **options: object) -> tuple[list[Frame], Codec]:
    codec = Codec()
    decoding = Decoding(lambda name, path: codec, Options(**options))  # type: ignore[arg-type]
    return list(decoding.run(records)), codec


def utterance(name: str, *values: int) -> list[Record]:
    return [Begin(name), *(Codes(name, (value, 0)) for value in values), End(name)]


def samples(frames: list[Frame]) -> list[float]:
    data = b"".join(frame.payload for frame in frames)
    return [round(s, 4) for s in struct.unpack(f"<{len(data) // 4}f", data)]


def test_utterances_end_with_an_empty_frame() -> None:
    frames, _ = decode([HEADER, *utterance("1", 1, 2), *utterance("2", 3)])
    assert samples(frames) == [0.01] * 10 + [0.02] * 10 + [0.03] * 10
    assert [frame.num_samples for frame in frames] == [10, 10, 0, 10, 0]


def test_chunks_grow_with_the_utterance() -> None:
    _, codec = decode([HEADER, *utterance("1", *range(40))])
    assert codec.chunks == [1] * 12 + [2, 2, 2, 3, 3, 4, 4, 4, 4]
    _, codec = decode([HEADER, *utterance("1", *range(7))], chunk_tokens=6)
    assert codec.chunks == [3, 3, 1]


def test_chunks_do_not_grow_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlxtts.codecs.utterance.on_cpu", lambda: False)
    _, codec = decode([HEADER, *utterance("1", *range(40))])
    assert codec.chunks == [1] * 40


def test_frames_of_a_given_length() -> None:
    frames, _ = decode([HEADER, *utterance("1", 1, 2, 3)], chunk_ms=1.5)
    assert [frame.num_samples for frame in frames] == [12, 12, 6, 0]
    frames, _ = decode([HEADER, *utterance("1", 1, 2, 3)], chunk_ms=0.8, respect_boundaries=True)
    assert [frame.num_samples for frame in frames] == [6, 4, 6, 4, 6, 4, 0]


def test_pauses_are_silence_and_part_the_stream() -> None:
    records = [HEADER, Begin("1", pause=0.001), Codes("1", (1, 0)), Codes("1", (2, 0), None, 0.002)]
    frames, codec = decode([*records, End("1")])
    assert samples(frames) == [0] * 8 + [0.01] * 10 + [0] * 16 + [0.02] * 10
    noise = [key for key, _, _ in codec.streams]
    assert noise[0] != noise[1]


def test_trim_leaves_out_the_silence_before_speech() -> None:
    frames, _ = decode([HEADER, *utterance("1", *[0] * 20, 5)], trim=True)
    assert samples(frames) == [0] * 80 + [0.05] * 10  # 10 ms are kept


def test_options_reach_the_stream() -> None:
    _, codec = decode([HEADER, *utterance("1", 1)], lookahead=2, first=0)
    assert codec.streams[0][1:] == (2, 0)


def test_only_the_first_part_begins_early() -> None:
    records = [HEADER, Begin("1"), Codes("1", (1, 0)), Codes("1", (2, 0), None, 0.002), End("1")]
    _, codec = decode(records, first=0)
    assert [first for _, _, first in codec.streams[:2]] == [0, None]


def test_the_seed_is_the_headers_unless_another_is_given() -> None:
    keys = [
        decode([HEADER, *utterance(name, 1)], **options)[1].streams[0][0]
        for name, options in (("1", {}), ("1", {"seed": 5}), ("1", {"seed": 6}), ("2", {}))
    ]
    assert keys[0] == keys[1]
    assert len({tuple(key) for key in keys}) == 3


def test_a_stream_that_breaks_off_is_heard_until_then() -> None:
    codec = Codec()
    decoding = Decoding(lambda name, path: codec, Options())
    frames: list[Frame] = []
    records = [HEADER, Begin("1"), Codes("1", (1, 0)), Codes("1", (2, 0)), Codes("1", (1,), line=9)]
    with pytest.raises(TokensError, match="line 9: not two"):
        frames.extend(decoding.run(records))
    assert samples(frames) == [0.01] * 10 + [0.02] * 10


def test_refusals() -> None:
    with pytest.raises(UsageError, match=r"chunk_tokens 3: must be a multiple of 2, the codes"):
        decode([HEADER], chunk_tokens=3)
    with pytest.raises(ModelError, match="codec 'here' has 8000 Hz, the tokens are for 24000"):
        decode([Header("fake", "here", 24_000)])
    with pytest.raises(TokensError, match="line 3: an utterance begins before the last one ended"):
        decode([HEADER, Begin("1"), Begin("2", line=3)])


def test_samples_are_little_endian_floats() -> None:
    frames, _ = decode([HEADER, *utterance("1", 50)])
    np.testing.assert_array_equal(np.frombuffer(frames[0].payload, "<f4"), [0.5] * 10)
