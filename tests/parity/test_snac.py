"""The decoder against pip's snac, live, on the same weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from snac import SNAC

from mlxtts.codecs.snac.checkpoint import sanitize
from mlxtts.codecs.snac.codec import Codec, Stream
from mlxtts.codecs.snac.config import Config
from mlxtts.nn import loading, mx
from tests import weights
from tests.conftest import STARTER
from tests.parity import references


def ours(config: dict[str, Any], tensors: weights.Tensors, frames: Any, chunk: int) -> np.ndarray:
    codec = Codec(loading.configure(Config, config, Path("x")))
    arrays = {name: mx.array(tensor) for name, tensor in tensors.items()}
    loading.load(codec, sanitize(arrays), Path("x"))
    stream = Stream(codec, None, None, None)
    pieces = [np.array(stream.push(frames[at : at + chunk])) for at in range(0, len(frames), chunk)]
    return np.concatenate([*pieces, np.array(stream.flush())])


@pytest.mark.parametrize("chunk", [1, 5, 24])
def test_full_size(chunk: int) -> None:
    config = weights.SNAC_FULL
    tensors = weights.snac(config, seed=1)
    codes = weights.snac_codes(config, 24, seed=1)
    expected = references.snac_decode(config, tensors, codes)
    found = ours(config, tensors, weights.snac_frames(codes, weights.SNAC_LAYOUT), chunk)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-4
    assert np.sqrt(np.mean(expected**2)) > 0.05


def test_the_starter_codec() -> None:
    config = Config.read(STARTER / "codec" / "config.json")
    raw = loading.read_json(STARTER / "codec" / "config.json")
    model = SNAC(**raw)
    for module in model.modules():
        if hasattr(module, "parametrizations"):
            torch.nn.utils.parametrize.remove_parametrizations(module, "weight")
    halves = loading.read_safetensors(STARTER / "codec" / "model.safetensors")
    halves |= loading.read_safetensors(STARTER / "training" / "encoder.safetensors")
    tensors = {name: np.array(half.astype(mx.float32)) for name, half in halves.items()}
    model.load_state_dict({name: torch.from_numpy(t) for name, t in tensors.items()})
    for module in model.modules():
        if isinstance(module, references.NoiseBlock):
            module.forward = lambda x: x
    codes = weights.snac_codes(raw, 40)
    with torch.no_grad():
        expected = model.decode([torch.from_numpy(level) for level in codes])[0, 0].numpy()
    found = ours(raw, tensors, weights.snac_frames(codes, config.layout), 3)
    assert np.abs(found - expected).max() < 1e-4


def test_noise_is_one_number_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reference's noise put in place of ours, samples are equal: the noise has its place,
    its shape and its size."""
    config = weights.SNAC_SMALL
    tensors = weights.snac(config)
    codes = weights.snac_codes(config, 6)
    model = SNAC(**config)
    references._load(model, tensors, ("encoder.", ".in_proj."))
    drawn: list[np.ndarray] = []
    randn = torch.randn

    def record(*args: Any, **kwargs: Any) -> torch.Tensor:
        noise = randn(*args, **kwargs)
        drawn.append(noise.numpy()[0, 0])
        return noise

    monkeypatch.setattr(torch, "randn", record)
    with torch.no_grad():
        expected = model.decode([torch.from_numpy(level) for level in codes])[0, 0].numpy()
    assert [len(noise) for noise in drawn] == [6 * 4 * n for n in (8, 64, 256, 512)]

    blocks = {(5 + n, 6): noise for n, noise in enumerate(drawn)}

    def replay(keys: mx.array, start: int, length: int) -> mx.array:
        noise = blocks[tuple(keys[0].tolist())]
        padded = np.zeros(length, np.float32)
        for n in range(length):
            if 0 <= start + n < len(noise):
                padded[n] = noise[start + n]
        return mx.array(padded[None])

    monkeypatch.setattr("mlxtts.codecs.snac.decoder.normal_at", replay)
    codec = Codec(loading.configure(Config, config, Path("x")))
    loading.load(codec, sanitize({k: mx.array(v) for k, v in tensors.items()}), Path("x"))
    stream = Stream(codec, mx.array([[5, 6]], dtype=mx.uint32), None, None)
    frames = weights.snac_frames(codes, weights.SNAC_LAYOUT)
    pieces = [np.array(stream.push([frame])) for frame in frames]
    found = np.concatenate([*pieces, np.array(stream.flush())])
    assert np.abs(found - expected).max() < 1e-4
