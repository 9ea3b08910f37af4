"""Kokoro's network against the kokoro package, live, on the same weights, in its published sizes.

The source's spectrum has phases, and one that lies near half a turn may come out as plus or minus
that in another arithmetic, which the network then takes for something else: so the decoder is
compared on the reference's own spectrum, the spectrum on its own pitch and as complex numbers, for
a difference in the last digit of the pitch adds up, and the whole on a short text and on weights
that make the pitch even and phases not matter.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlxtts import quantize
from mlxtts.codecs.kokoro import Codec, load
from mlxtts.codecs.kokoro.network import Network
from mlxtts.nn import mx, tree_flatten
from mlxtts.nn.ragged import Ragged
from mlxtts.nn.recipes import Manner
from tests import kokoro
from tests.parity.kokoro_reference import Reference, publish

TEXT = "həlˈO wˈɜɹld, ðɪs ɪz ɐ tˈɛst əv ðə mˈɑdəl."
STYLE = 0.3 * np.random.default_rng(5).standard_normal((1, 256), np.float32)


def snr(found: np.ndarray, wanted: np.ndarray) -> float:
    assert found.shape == wanted.shape
    return float(10 * np.log10(np.mean(wanted**2) / np.mean((found - wanted) ** 2)))


def ids(network: Network, text: str) -> list[int]:
    return [0, *(network.config.vocab[symbol] for symbol in text), 0]


def run(
    network: Network, text: str, noise: Any, speed: float = 1.0
) -> tuple[list[int], np.ndarray]:
    rows, style = [ids(network, text)], mx.array(STYLE)
    durations, known = network.durations(rows, style, [speed])
    return durations[0], np.array(network.samples(rows, style, durations, known, noise)[0])


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = publish(tmp_path_factory.mktemp("kokoro"), kokoro.FULL, kokoro.tensors(kokoro.FULL))
    np.savez(folder / "voices.npz", af_heart=kokoro.voice(kokoro.FULL, 0))
    return folder


@pytest.fixture(scope="module")
def codec(published: Path) -> Codec:
    return load(published)


@pytest.fixture(scope="module")
def reference(published: Path) -> Reference:
    return Reference(published)


@pytest.mark.parametrize(("text", "speed"), [(TEXT, 1.6), (TEXT[:9], 0.7)])
def test_each_part(codec: Codec, reference: Reference, text: str, speed: float) -> None:
    wanted = reference.speak(text, STYLE, speed)
    network, noise = codec.network, mx.array(wanted["noise"])
    generator = network.decoder.generator
    own, parts = generator._source, {}

    def source(pitch: mx.array, noise: mx.array, rows: Ragged) -> mx.array:
        true = mx.array(wanted["pitch"])[None]
        parts["pitch"], parts["spectrum"] = pitch[0], own(true, noise, rows)[0]
        return mx.array(wanted["spectrum"])[None]

    generator._source = source
    try:
        durations, audio = run(network, text, noise, speed)
    finally:
        del generator._source
    assert durations == wanted["durations"]
    assert np.abs(np.array(parts["pitch"]) - wanted["pitch"]).max() < 5e-3
    assert np.any(wanted["pitch"] > 10)
    assert snr(audio, wanted["audio"]) > 80
    found, true = (_complex(np.array(x)) for x in (parts["spectrum"], wanted["spectrum"]))
    assert np.abs(found - true).max() < 0.01 * np.abs(true).max()


def test_the_source_of_a_long_segment(codec: Codec, reference: Reference) -> None:
    rng = np.random.default_rng(3)
    pitch = np.float32(150 + 90 * np.sin(np.arange(1600) / 30) * rng.uniform(0.9, 1.1, 1600))
    pitch[400:500] = -3
    noise = rng.standard_normal((1, 1600 * 300, 9), np.float32)
    source = codec.network.decoder.generator.m_source
    found = source(mx.array(pitch[None]), 300, mx.array(noise), Ragged([1600]))
    assert np.abs(np.array(found[0]) - reference.source(pitch, noise)).max() < 5e-3


def _complex(spectrum: np.ndarray) -> np.ndarray:
    magnitude, phase = np.split(spectrum, 2, axis=1)
    return magnitude * np.exp(1j * phase)


def test_the_whole(tmp_path: Path) -> None:
    tensors = kokoro.calm(kokoro.tensors(kokoro.FULL, seed=1))
    folder = publish(tmp_path / "k", kokoro.FULL, tensors)
    np.savez(folder / "voices.npz", af_heart=kokoro.voice(kokoro.FULL, 0))
    wanted = Reference(folder).speak(TEXT[:9], STYLE)
    durations, audio = run(load(folder).network, TEXT[:9], mx.array(wanted["noise"]))
    assert durations == wanted["durations"]
    assert np.sqrt(np.mean(wanted["audio"] ** 2)) > 0.02
    assert snr(audio, wanted["audio"]) > 60


def test_the_layouts_of_mlx_audio(tmp_path: Path) -> None:
    """What it saves of its own model, plain and quantised, and what it reads."""
    from mlx import nn  # noqa: TID251
    from mlx_audio.tts.models.kokoro.kokoro import Model, ModelConfig

    arrays = {n: mx.array(t) for n, t in kokoro.tensors(kokoro.FULL).items()}
    arrays = {n: t for n, t in arrays.items() if ".norm." not in n}  # it knows none of these
    config = ModelConfig.from_dict(kokoro.FULL)
    theirs = Model(config, repo_id="x")
    theirs.load_weights([*theirs.sanitize(arrays).items()], strict=False)
    plain = kokoro.folder(tmp_path / "plain", kokoro.FULL, ("af_heart",))
    mx.save_safetensors(str(plain / "kokoro-v1_0.safetensors"), arrays)
    mine = dict(tree_flatten(load(plain).network.parameters()))
    for bits in (None, 8):
        raw = dict(kokoro.FULL)
        if bits:
            group = {"group_size": 64, "bits": bits}
            nn.quantize(
                theirs,
                **group,
                class_predicate=lambda _, m: (
                    hasattr(m, "to_quantized") and m.weight.shape[-1] % 64 == 0
                ),
            )
            raw["quantization"] = group
        folder = kokoro.folder(tmp_path / str(bits), raw, ("af_heart",))
        saved = dict(tree_flatten(theirs.parameters()))
        mx.save_safetensors(str(folder / "kokoro-v1_0.safetensors"), saved)
        found = dict(tree_flatten(load(folder).network.parameters()))
        assert found.keys() == mine.keys()
        for name, tensor in mine.items():
            error = mx.abs(found[name] - tensor).max().item()
            assert error <= (0.02 * mx.abs(tensor).max().item() if bits else 1e-5), name


def test_a_quantised_model_is_read_by_mlx_audio(tmp_path: Path) -> None:
    from mlx_audio.tts.utils import load_model

    tensors = kokoro.tensors(kokoro.FULL)
    source = kokoro.folder(tmp_path / "kokoro", kokoro.FULL, ("af_heart",))
    kokoro.save(source, {n: t for n, t in tensors.items() if ".norm." not in n})
    target = tmp_path / "kokoro-8bit"
    target.mkdir()
    quantize.Source(str(source)).write(target, Manner.choose(8))
    theirs = load_model(target)
    pack = mx.array(kokoro.voice(kokoro.FULL, 0)[len(TEXT[:9]) - 1])
    own = load(target).network
    durations, _ = own.durations([ids(own, TEXT[:9])], pack, [1.0])
    found = theirs(TEXT[:9], pack, 1.0, return_output=True)
    assert found.pred_dur.tolist() == durations[0]
    layers = [name for name, part in theirs.named_modules() if "Quantized" in type(part).__name__]
    assert "bert.encoder.albert_layer_groups.0.albert_layers.0.ffn" in layers
