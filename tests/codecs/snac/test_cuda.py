"""The decoder as it runs on CUDA, with the kernels' doubles: the same samples as on a CPU. The
kernels themselves are held against the doubles in tests/nn/cuda/test_units.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlxtts.codecs.snac.codec import Codec, Stream
from mlxtts.nn.cuda import units
from mlxtts.nn.random import key
from tests import weights
from tests.codecs.snac.test_codec import (
    FRAMES,
    GOLDEN,
    KEY,
    REFERENCES,
    SMALL,
    THIN,
    build,
    decode,
    frames,
    schedules,
)
from tests.conftest import needs
from tests.nn.cuda import unit_doubles
from tests.nn.cuda.device import Device


@contextmanager
def as_on_cuda(device: Device | None = None) -> Iterator[None]:
    """With the kernels themselves, thread by thread, or their doubles."""
    with pytest.MonkeyPatch.context() as patch:
        if device:
            patch.setattr(units, "kernel", device.kernel)
        for name in () if device else unit_doubles.NAMES:
            patch.setattr(units, name, getattr(unit_doubles, name))
        for module in ("codec", "decoder", "flow"):
            patch.setattr(f"mlxtts.codecs.snac.{module}.on_cuda", lambda: True)
        patch.setattr("mlxtts.codecs.snac.codec.on_cpu", lambda: False)
        patch.setattr("mlxtts.codecs.snac.decoder.BLAS", None)
        patch.setattr("mlxtts.codecs.snac.flow.Flow.window", None)
        yield


@pytest.fixture(scope="module")
def small() -> Codec:
    return build(weights.SNAC_SMALL)


@REFERENCES
def test_samples_are_the_references(
    name: str, config: dict[str, Any], layout: list[int], count: int
) -> None:
    codec = build(config)
    with as_on_cuda():
        samples = decode(Stream(codec, None, None, None), [frames(config, layout, count)])
    np.testing.assert_allclose(samples[::THIN], GOLDEN[name], atol=1e-4)


@given(st.lists(st.integers(1, FRAMES), max_size=5))
@settings(max_examples=12)
def test_a_stream_in_every_chunking(small: Codec, places: list[int]) -> None:
    at = sorted({0, FRAMES, *places})
    expected = decode(small.stream(KEY), [SMALL])
    with as_on_cuda():
        found = decode(small.stream(KEY), [SMALL[a:b] for a, b in pairwise(at)])
    np.testing.assert_allclose(found, expected, atol=1e-4)


def played(
    codec: Codec,
    schedule: list[tuple[int, list[int]]],
    lookahead: tuple[int | None, int | None],
    noise: bool,
    said: list[list[int]] = SMALL,
) -> list[np.ndarray]:
    """What each push and the end of all give."""
    names = sorted({name for _, who in schedule for name in who})
    keys = {name: key(0, str(name)) if noise else None for name in names}
    streams = {name: Stream(codec, keys[name], *lookahead) for name in names}
    at = {name: name for name in names}
    pieces = []
    for count, who in schedule:
        some = [[said[(at[name] + n) % FRAMES] for n in range(count)] for name in who]
        pieces += codec.push([streams[name] for name in who], some)
        for name in who:
            at[name] += count
    return [*pieces, *codec.flush([*streams.values()])]


@given(schedules(), st.sampled_from([(None, None), (None, 0), (0, None), (1, None)]), st.booleans())
@settings(max_examples=20)
def test_streams_that_come_and_go(
    small: Codec,
    schedule: list[tuple[int, list[int]]],
    lookahead: tuple[int | None, int | None],
    noise: bool,
) -> None:
    expected = played(small, schedule, lookahead, noise)
    with as_on_cuda():
        found = played(small, schedule, lookahead, noise)
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-4)


COMINGS = [(1, [0]), (3, [0, 1]), (2, [1, 0]), (9, [1]), (4, [0, 1])]


@needs("g++")
def test_the_kernels_themselves(tmp_path: Path) -> None:
    codec = build(weights.SNAC_ODD)
    some = [[(5 * n + 9 * frame) % 64 for n in range(codec.frame_codes)] for frame in range(FRAMES)]
    expected = played(codec, COMINGS, (None, None), True, some)
    with as_on_cuda(Device(tmp_path)):
        found = played(codec, COMINGS, (None, None), True, some)
    assert any(len(piece) for piece in found[:-2])
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)
