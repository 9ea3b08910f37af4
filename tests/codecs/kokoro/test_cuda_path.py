"""What runs on CUDA, with the kernels' doubles, says what a CPU says. The kernels themselves are
held against the doubles in tests/nn."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mlxtts.codecs.kokoro import Codec, load
from mlxtts.nn import cuda, mx
from mlxtts.nn.cuda import adain, encoder, vocoder
from mlxtts.nn.random import key
from tests import kokoro
from tests.conftest import needs
from tests.nn import doubles
from tests.nn.cuda import doubles as fused
from tests.nn.cuda.device import Device

TEXTS = ["həlˈO wˈɜɹld!", "ðɪs ɪz ɐ lˈɔŋɡəɹ sˈɛntᵊns, wɪð ɐ kˈɑmə.", "ˈA."]
DEVICE = {
    "mlxtts.codecs.kokoro": {
        "network": "on_cpu on_cuda",
        "blocks": "on_cpu on_cuda",
        "bert": "on_cuda",
        "source": "on_cuda",
    },
    "mlxtts.nn": {
        **dict.fromkeys(("conv", "ragged", "snake", "stretches"), "on_cpu"),
        "lstm": "on_cpu on_cuda",
        "stft": "on_cuda",
        "cuda.fused": "on_cuda",
    },
}

KERNELS = {
    adain: ("moments", "styled"),
    encoder: ("attend_all", "add_layer_norm"),
    vocoder: ("doubled", "source", "spectrum", "cartesian", "overlap_add"),
}


@pytest.fixture
def uncompiled() -> Iterator[None]:
    """Compiling for a CPU needs a compiler."""
    mx.disable_compile()
    yield
    mx.enable_compile()


def as_on_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    for package, modules in DEVICE.items():
        for module, names in modules.items():
            for name in names.split():
                monkeypatch.setattr(
                    f"{package}.{module}.{name}", lambda name=name: name != "on_cpu"
                )
    monkeypatch.setattr(cuda, "recur", doubles.recur)


def spoken(codec: Codec, texts: list[str]) -> list[np.ndarray]:
    streams = [codec.stream(key(n), extra={"voice": "af_heart"}) for n in range(len(texts))]
    return [np.array(each) for each in codec.push(streams, [[text] for text in texts])]


@pytest.mark.parametrize("texts", [TEXTS[:1], TEXTS[:1] * 2, TEXTS])
@pytest.mark.usefixtures("uncompiled")
def test_says_what_a_cpu_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, texts: list[str]
) -> None:
    folder = calm(tmp_path)
    wanted = spoken(load(folder), texts)
    as_on_cuda(monkeypatch)
    for module, names in KERNELS.items():
        for name in names:
            monkeypatch.setattr(module, name, getattr(fused, name))
    alike(spoken(load(folder), texts), wanted)


@needs("g++")
@pytest.mark.usefixtures("uncompiled")
def test_with_the_kernels_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, texts = calm(tmp_path), ["A", "A."]
    wanted = spoken(load(folder), texts)
    as_on_cuda(monkeypatch)
    device = Device(tmp_path)
    for module in KERNELS:
        monkeypatch.setattr(module, "kernel", device.kernel)
    alike(spoken(load(folder), texts), wanted)


def calm(path: Path) -> Path:
    folder = kokoro.folder(path / "k")
    kokoro.save(folder, kokoro.calm(kokoro.tensors(kokoro.SMALL)))
    return folder


def alike(found: list[np.ndarray], wanted: list[np.ndarray]) -> None:
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() < 1e-3 * np.abs(theirs).max()
