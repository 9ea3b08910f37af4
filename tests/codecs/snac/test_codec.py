"""Parity with the reference through golden samples, and exactness of streaming."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlxtts.codecs.snac.checkpoint import sanitize
from mlxtts.codecs.snac.codec import Codec, Stream
from mlxtts.codecs.snac.config import Config
from mlxtts.nn import loading, mx
from mlxtts.nn.random import key
from tests import weights

GOLDEN = np.load(Path(__file__).parents[2] / "golden" / "snac.npz")
THIN = 5
FRAMES = 12
KEY = key(0, "test")


def build(config: dict[str, Any]) -> Codec:
    codec = Codec(loading.configure(Config, config, Path("config.json")))
    tensors = {name: mx.array(tensor) for name, tensor in weights.snac(config).items()}
    loading.load(codec, sanitize(tensors), Path("x"))
    return codec


def frames(config: dict[str, Any], layout: list[int], count: int) -> list[list[int]]:
    return weights.snac_frames(weights.snac_codes(config, count), layout)


def decode(stream: Stream, pieces: list[list[list[int]]]) -> np.ndarray:
    samples = [np.array(stream.push(piece)) for piece in pieces]
    return np.concatenate([*samples, np.array(stream.flush())])


@pytest.fixture(scope="module")
def small() -> Codec:
    return build(weights.SNAC_SMALL)


SMALL = frames(weights.SNAC_SMALL, weights.SNAC_LAYOUT, FRAMES)


REFERENCES = pytest.mark.parametrize(
    ("name", "config", "layout", "count"),
    [
        ("small", weights.SNAC_SMALL, weights.SNAC_LAYOUT, 8),
        ("odd", weights.SNAC_ODD, weights.SNAC_ODD_LAYOUT, 9),
        ("full", weights.SNAC_FULL, weights.SNAC_LAYOUT, 3),
    ],
)


def by_mlx(patch: pytest.MonkeyPatch) -> None:
    """Computes as on Apple's GPUs, and where MLX is to multiply by itself."""
    patch.setattr("mlxtts.codecs.snac.decoder.BLAS", None)


@pytest.mark.parametrize("mlx", [False, True])
@REFERENCES
def test_samples_are_the_references(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    config: dict[str, Any],
    layout: list[int],
    count: int,
    mlx: bool,
) -> None:
    if mlx:
        by_mlx(monkeypatch)
    codec = build(config)
    samples = decode(Stream(codec, None, None, None), [frames(config, layout, count)])
    assert len(samples) == count * codec.frame_samples
    np.testing.assert_allclose(samples[::THIN], GOLDEN[name], atol=1e-4)
    assert np.abs(GOLDEN[name]).max() > 0.1


@given(st.lists(st.integers(1, FRAMES), max_size=5), st.booleans())
@settings(max_examples=50)
def test_streams_are_exact_in_every_chunking(small: Codec, places: list[int], mlx: bool) -> None:
    at = sorted({0, FRAMES, *places})
    with pytest.MonkeyPatch.context() as patch:
        if mlx:
            by_mlx(patch)
        streamed = decode(small.stream(KEY), [SMALL[a:b] for a, b in pairwise(at)])
        whole = decode(small.stream(KEY), [SMALL])
    assert len(streamed) == FRAMES * 2048
    np.testing.assert_allclose(streamed, whole, atol=1e-5)


@st.composite
def schedules(draw: st.DrawFn) -> list[tuple[int, list[int]]]:
    """Steps of several utterances that come and go: frames to push, and who takes part."""
    width = draw(st.integers(2, 4))
    someone = st.lists(st.integers(0, width - 1), min_size=1, max_size=width, unique=True)
    return draw(st.lists(st.tuples(st.integers(1, 3), someone), min_size=3, max_size=12))


@given(schedules(), st.sampled_from([(None, None), (None, 0), (1, None)]), st.booleans())
@settings(max_examples=25)
def test_streams_together_are_as_alone(
    small: Codec,
    schedule: list[tuple[int, list[int]]],
    lookahead: tuple[int | None, int | None],
    on_a_gpu: bool,
) -> None:
    """Whoever takes part in which step, in whatever order, beside whomever; on a GPU beside rows
    that nobody hears."""
    with pytest.MonkeyPatch.context() as patch:
        if on_a_gpu:
            patch.setattr("mlxtts.codecs.snac.codec.on_cpu", lambda: False)
            by_mlx(patch)
        compare(small, schedule, lookahead)


def compare(
    small: Codec, schedule: list[tuple[int, list[int]]], lookahead: tuple[int | None, int | None]
) -> None:
    names = sorted({name for _, who in schedule for name in who})
    together, alone = (
        {name: small.stream(key(0, str(name)), *lookahead) for name in names} for _ in range(2)
    )
    said = dict.fromkeys(names, 0)
    for count, who in schedule:
        frames = [[SMALL[(name + said[name] + n) % FRAMES] for n in range(count)] for name in who]
        found = small.push([together[name] for name in who], frames)
        for name, piece, samples in zip(who, frames, found, strict=True):
            np.testing.assert_allclose(samples, alone[name].push(piece), atol=1e-5)
            said[name] += count
    for name, samples in zip(names, small.flush([*together.values()]), strict=True):
        np.testing.assert_allclose(samples, alone[name].flush(), atol=1e-5)


def test_samples_leave_as_soon_as_they_are_settled(small: Codec) -> None:
    assert small.lag == 4757
    stream = small.stream(KEY)
    counts = [len(stream.push([frame])) for frame in SMALL[:5]]
    assert counts == [0, 0, 3 * 2048 - 4757, 2048, 2048]
    assert len(stream.flush()) == 4757


@pytest.mark.parametrize("lookahead", [0, 1, 2])
def test_less_lookahead_is_sooner_and_costs_accuracy(small: Codec, lookahead: int) -> None:
    exact = decode(small.stream(KEY), [SMALL])
    stream = small.stream(KEY, lookahead)
    counts = [len(stream.push([frame])) for frame in SMALL]
    assert counts == [0] * lookahead + [2048] * (FRAMES - lookahead)
    again = small.stream(KEY, lookahead)
    early = decode(again, [[frame] for frame in SMALL])
    assert len(early) == len(exact)
    snr = 10 * np.log10(np.mean(exact**2) / np.mean((exact - early) ** 2))
    assert snr > (0, 8, 30)[lookahead]


def test_only_the_first_chunk_is_early(small: Codec) -> None:
    exact = decode(small.stream(KEY), [SMALL])
    stream = small.stream(KEY, None, 0)
    pieces = [np.array(stream.push([frame])) for frame in SMALL]
    assert [len(piece) for piece in pieces[:4]] == [2048, 0, 0, 2 * 2048 - 4757 + 2048]
    samples = np.concatenate([*pieces, np.array(stream.flush())])
    np.testing.assert_allclose(samples[2048:], exact[2048:], atol=1e-5)
    assert np.abs(samples[:2048] - exact[:2048]).max() > 1e-3


def test_noise_follows_the_key(small: Codec) -> None:
    one, same, other, none = (
        decode(Stream(small, noise, None, None), [SMALL])
        for noise in (key(1, "a"), key(1, "a"), key(1, "b"), None)
    )
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-3
    assert np.abs(one - none).max() > 1e-3


def test_an_utterance_without_frames(small: Codec) -> None:
    assert len(small.stream(KEY).flush()) == 0
    assert len(small.stream(KEY, 1).flush()) == 0


def test_what_is_not_a_frame(small: Codec) -> None:
    assert small.refusal([0, 63, 1, 2, 3, 4, 5]) is None
    assert small.refusal([1] * 6) == "6 codes, where a frame has 7"
    assert small.refusal([1] * 6 + [64]) == "code 64 is outside 0..63"
