"""The decoder by numpy. That its samples are the references', in every chunking and company, is in
test_codec.py."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from mlxtts.codecs.snac import cpu_decoder
from mlxtts.codecs.snac.codec import Codec, Stream
from mlxtts.nn import BLAS
from tests import weights
from tests.codecs.snac.test_codec import KEY, SMALL, build, by_mlx, decode

pytestmark = pytest.mark.skipif(not BLAS, reason="MLXTTS_BLAS=none: MLX does it")


@pytest.fixture(scope="module")
def small() -> Codec:
    return build(weights.SNAC_SMALL)


def test_the_noise_is_that_of_mlx(small: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = [SMALL[:5], SMALL[5:6], SMALL[6:]]
    found = decode(small.stream(KEY), pieces)
    silent = decode(Stream(small, None, None, None), pieces)
    by_mlx(monkeypatch)
    np.testing.assert_allclose(found, decode(small.stream(KEY), pieces), atol=1e-5)
    assert np.abs(found - silent).max() > 1e-3


def test_a_stretch_of_time_after_another(small: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = decode(small.stream(KEY), [SMALL])
    monkeypatch.setattr("mlxtts.nn.stretches.NUMBERS", 300)
    np.testing.assert_allclose(decode(small.stream(KEY), [SMALL]), whole, atol=1e-5)


@pytest.mark.parametrize("little", [True, False])
def test_little_has_one_thread(small: Codec, monkeypatch: pytest.MonkeyPatch, little: bool) -> None:
    def counts() -> list[int]:
        return [library["num_threads"] for library in threadpool_info()]

    def layers(*_: object) -> None:
        found.extend(counts())

    found: list[int] = []
    monkeypatch.setattr(cpu_decoder, "_layers", layers)
    monkeypatch.setattr(cpu_decoder, "LITTLE", 4 * small.decoder.work - (not little))
    small.stream(KEY).push(SMALL[:1])
    assert found == ([1] * len(found) if little else counts())
    assert found
