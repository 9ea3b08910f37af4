"""Parity with the kokoro package through golden samples, in the published sizes; the same live, and
for more, is in tests/parity."""

from pathlib import Path

import numpy as np
import pytest

from mlxtts.codecs.kokoro import load
from mlxtts.codecs.kokoro.network import Network
from mlxtts.nn import mx
from mlxtts.nn.ragged import Ragged
from tests import kokoro

THIN = 5
GOLDEN = np.load(Path(__file__).parents[2] / "golden" / "kokoro.npz")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    folder = kokoro.folder(tmp_path_factory.mktemp("m") / "k", kokoro.FULL, ("af_heart",))
    return load(folder).network


def test_each_part(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = network.decoder.generator
    pitch = []

    def source(curve: mx.array, noise: mx.array, rows: Ragged) -> mx.array:
        pitch.append(np.array(curve[0]))
        return mx.array(kokoro.golden_spectrum(60 * rows.time + 1))[None]

    monkeypatch.setattr(generator, "_source", source, raising=False)
    ids = [[0, *(network.config.vocab[symbol] for symbol in kokoro.GOLDEN), 0]]
    style = mx.array(kokoro.golden_style())
    durations, known = network.durations(ids, style, [1.0])
    assert durations[0] == GOLDEN["durations"].tolist()
    audio = network.samples(ids, style, durations, known, mx.zeros((1, 1, 9)))
    found, wanted = np.array(audio[0])[::THIN], GOLDEN["audio"]
    assert np.abs(pitch[0] - GOLDEN["pitch"]).max() < 5e-3
    assert np.sqrt(np.mean(wanted**2)) > 0.02
    assert np.abs(found - wanted).max() < 1e-3 * np.abs(wanted).max()
    monkeypatch.undo()
    curve = mx.array(GOLDEN["pitch"])[None]
    hop = network.config.hop
    noise = mx.array(kokoro.golden_noise(hop * curve.shape[1]))
    source = network.decoder.generator.m_source(curve, hop, noise, Ragged([curve.shape[1]]))
    assert np.abs(np.array(source[0])[::THIN] - GOLDEN["source"]).max() < 1e-3
