"""Parity with the reference through golden samples, and exactness of streaming."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlxtts.codecs import Span
from mlxtts.codecs.mimi.codec import Codec, Stream
from mlxtts.nn.random import key
from tests import mimi, weights

GOLDEN = np.load(Path(__file__).parents[2] / "golden" / "mimi.npz")
THIN = 5
FRAMES = weights.mimi_codes(weights.MIMI_SMALL, 40)
SIZE = 80
KEY = key(0, "test")


@pytest.fixture(scope="module")
def small() -> Codec:
    return mimi.build(weights.MIMI_SMALL)


def decode(stream: Stream, pieces: list[list[list[int]]]) -> np.ndarray:
    samples = [np.array(stream.push(piece)) for piece in pieces]
    return np.concatenate([*samples, np.array(stream.flush())])


@pytest.mark.parametrize(("name", "codes"), [("all", 5), ("few", 3)])
def test_samples_are_the_references(small: Codec, name: str, codes: int) -> None:
    """Also when the finest levels are left out."""
    samples = decode(small.stream(KEY), [[frame[:codes] for frame in FRAMES]])
    assert len(samples) == len(FRAMES) * SIZE
    np.testing.assert_allclose(samples[::THIN], GOLDEN[name], atol=1e-5)
    assert np.sqrt(np.mean(GOLDEN[name] ** 2)) > 0.1


def test_a_gpus_forms_of_the_operations_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("nn.conv", "nn.rope", "nn.transformer", "codecs.mimi.seanet"):
        monkeypatch.setattr(f"mlxtts.{module}.on_cpu", lambda: False)
    stream = mimi.build(weights.MIMI_SMALL).stream(KEY)
    samples = decode(stream, [FRAMES[:7], FRAMES[7:8], FRAMES[8:]])
    np.testing.assert_allclose(samples[::THIN], GOLDEN["all"], atol=1e-5)


def test_all_codes_matter(small: Codec) -> None:
    assert np.abs(GOLDEN["all"] - GOLDEN["few"]).max() > 0.1


@given(st.lists(st.integers(1, 40), max_size=8))
@settings(max_examples=20)
def test_streams_are_exact_in_every_chunking(small: Codec, places: list[int]) -> None:
    at = sorted({0, 40, *places})
    streamed = decode(small.stream(KEY), [FRAMES[a:b] for a, b in pairwise(at)])
    np.testing.assert_allclose(streamed, decode(small.stream(KEY), [FRAMES]), atol=1e-5)


@st.composite
def schedules(draw: st.DrawFn) -> list[tuple[int, list[int]]]:
    """Steps of several utterances that come and go: frames to push, and who takes part."""
    width = draw(st.integers(2, 4))
    someone = st.lists(st.integers(0, width - 1), min_size=1, max_size=width, unique=True)
    return draw(st.lists(st.tuples(st.integers(1, 6), someone), min_size=3, max_size=10))


@given(schedules())
@settings(max_examples=25)
def test_streams_together_are_as_alone(small: Codec, schedule: list[tuple[int, list[int]]]) -> None:
    """Whoever takes part in which step, in whatever order, beside whomever."""
    names = sorted({name for _, who in schedule for name in who})
    together, alone = ({name: small.stream(KEY) for name in names} for _ in range(2))
    said = dict.fromkeys(names, 0)
    for count, who in schedule:
        frames = [[FRAMES[(name + said[name] + n) % 40] for n in range(count)] for name in who]
        found = small.push([together[name] for name in who], frames)
        for name, piece, samples in zip(who, frames, found, strict=True):
            np.testing.assert_allclose(samples, alone[name].push(piece), atol=1e-5)
            said[name] += count


def test_there_is_nothing_to_wait_for(small: Codec) -> None:
    for lookahead in (None, 0, 2):
        stream = small.stream(KEY, lookahead)
        assert [len(stream.push([frame])) for frame in FRAMES[:3]] == [SIZE] * 3
        assert len(stream.flush()) == 0
    assert small.lag == 0
    assert small.stream(KEY).span(2) == Span(2 * SIZE, 3 * SIZE)


def test_frames_of_several_sizes(small: Codec) -> None:
    """One that lacks codes beside one that does not, in a chunk and in a batch."""
    short = [frame[:2] for frame in FRAMES[:4]]
    mixed = [FRAMES[0], short[1], FRAMES[2], short[3]]
    apart = decode(small.stream(KEY), [[frame] for frame in mixed])
    beside = small.push([small.stream(KEY), small.stream(KEY)], [FRAMES[:4], mixed])
    np.testing.assert_allclose(np.array(beside[1]), apart, atol=1e-5)
    assert np.abs(np.array(beside[0]) - apart).max() > 0.01


def test_the_past_is_forgotten(small: Codec) -> None:
    """A state does not grow with its utterance, and what is beyond its reach is not heard."""
    one, other = small.stream(KEY), small.stream(KEY)
    one.push(FRAMES[:20])
    other.push(FRAMES[20:])
    sizes = [tail.shape for tail in one.place[0].tails]
    same = [np.array(stream.push(FRAMES)) for stream in (one, other)]
    assert [tail.shape for tail in one.place[0].tails] == sizes
    assert np.abs(same[0] - same[1])[:SIZE].max() > 0.01
    reach = (3 * 6 + 6 + 2) // 2 + 2  # three windows, the first convolution, the others
    np.testing.assert_allclose(same[0][reach * SIZE :], same[1][reach * SIZE :], atol=1e-5)


def test_an_utterance_without_frames(small: Codec) -> None:
    assert len(small.stream(KEY).flush()) == 0


def test_what_is_not_a_frame(small: Codec) -> None:
    assert small.frame_codes == 5
    assert small.refusal([0, 31, 1, 2, 3]) is None
    assert small.refusal([0, 31]) is None
    assert small.refusal([1]) == "1 codes, where a frame has 2 to 5"
    assert small.refusal([1] * 6) == "6 codes, where a frame has 2 to 5"
    assert small.refusal([0, 32]) == "code 32 is outside 0..31"
    assert small.refusal([0, -1]) == "code -1 is outside 0..31"
    assert small.refusal("həlO") == "symbols, where a frame has numbers"
