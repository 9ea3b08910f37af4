"""The kokoro package's network, with random numbers that are given, and the phases of its source in
double precision."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from kokoro.model import KModel

from tests.kokoro import Tensors, golden_spectrum

logging.getLogger("kokoro").setLevel(logging.ERROR)


def publish(path: Path, config: dict[str, Any], tensors: Tensors) -> Path:
    """A folder as hexgrad/Kokoro-82M has it: a dictionary of dictionaries, saved by PyTorch."""
    path.mkdir(parents=True, exist_ok=True)
    parts: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        parts.setdefault(part, {})[f"module.{rest}"] = torch.from_numpy(tensor)
    torch.save(parts, path / "kokoro-v1_0.pth")
    (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return path


@contextlib.contextmanager
def _drawing(randn_like: Any) -> Iterator[None]:
    plain, torch.randn_like = torch.randn_like, randn_like
    try:
        yield
    finally:
        torch.randn_like = plain


class Reference:
    """`seed`: of the normal numbers that its source draws."""

    def __init__(self, folder: Path, seed: int = 0) -> None:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        self.model = KModel("x", config, str(folder / "kokoro-v1_0.pth")).eval()
        self.seed = seed
        self.seen: dict[str, Any] = {}
        generator = self.model.decoder.generator
        waves = generator.m_source.l_sin_gen
        single = waves._f02sine
        waves._f02sine = lambda f0: single(f0.double()).to(f0.dtype)  # or phases are lost in time
        generator.register_forward_pre_hook(self._keep_pitch)
        generator.m_source.register_forward_hook(self._keep_source)
        self._transform = generator.stft.transform
        generator.stft.transform = self._keep_spectrum

    @torch.no_grad()
    def source(self, pitch: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """The source of a pitch, (T,). `noise`: (1, N, 9)."""
        steps = torch.from_numpy(np.repeat(pitch, noise.shape[1] // len(pitch)))
        drawn = [torch.from_numpy(noise)]
        with _drawing(lambda x: drawn.pop() if drawn else torch.zeros_like(x)):
            source = self.model.decoder.generator.m_source
            return source(steps[None, :, None])[0][0, :, 0].numpy()

    def speak(
        self, phonemes: str, style: np.ndarray, speed: float = 1.0, *, spectrum: bool = False
    ) -> dict[str, Any]:
        """audio, durations, pitch, noise, source and spectrum, (frames, 2 * bins), with `spectrum`
        tests.kokoro.golden_spectrum in its place."""
        self._given = spectrum
        rng = np.random.default_rng(self.seed)
        drawn: list[np.ndarray] = []

        def randn_like(x: torch.Tensor) -> torch.Tensor:
            drawn.append(rng.standard_normal(x.shape, np.float32))
            return torch.from_numpy(drawn[-1])

        with _drawing(randn_like):
            out = self.model(phonemes, torch.from_numpy(style), speed, return_output=True)
        self.seen |= {"audio": out.audio.numpy(), "noise": drawn[0]}
        return self.seen | {"durations": out.pred_dur.tolist()}

    def _keep_pitch(self, _: Any, inputs: Any) -> None:
        self.seen["pitch"] = inputs[2][0].numpy()

    def _keep_source(self, _: Any, __: Any, output: Any) -> None:
        self.seen["source"] = output[0][0, :, 0].numpy()

    def _keep_spectrum(self, signal: torch.Tensor) -> Any:
        magnitude, phase = self._transform(signal)
        if self._given:
            given = torch.from_numpy(golden_spectrum(magnitude.shape[2]).T[None])
            magnitude, phase = given.chunk(2, dim=1)
        self.seen["spectrum"] = np.concatenate([magnitude[0].numpy(), phase[0].numpy()]).T
        return magnitude, phase
