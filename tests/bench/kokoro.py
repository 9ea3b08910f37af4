"""Kokoro beside mlx-audio's and the kokoro package's, on random weights of its real shapes

The same phonemes, style and weights, some 1, 4 and 17 s of speech, in turns, each in a process of
its own. Times real time: seconds of sound a second. First sound: of the 17 s as a listener waits
for them, which here come sentence by sentence. MiB: the most memory that the process had. Goals: 3
times mlx-audio and at least PyTorch's speed on a CPU, 1.5 times mlx-audio on a GPU.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import resource
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from mlxtts.nn import on_cpu
from tests import kokoro
from tests.bench.common import table

SENTENCE = "ðɪs ɪz ɐ tˈɛst əv ðə mˈɑdəl, wɪð ɐ kˈɑmə."
TEXTS = (SENTENCE[:11], SENTENCE, " ".join([SENTENCE] * 4), "|".join([SENTENCE] * 8))
"""The last one is eight sentences to be spoken together, or one after another."""
ROUNDS = 3
Speak = Callable[[str], np.ndarray]
_speak: Speak


def style(text: str) -> np.ndarray:
    return kokoro.voice(kokoro.FULL, 0)[len(text) - 1]


def ours(folder: Path) -> Speak:
    from mlxtts.codecs.kokoro import load
    from mlxtts.nn.random import key

    codec = load(folder)

    def speak(text: str) -> np.ndarray:
        each = text.split("|")
        streams = [codec.stream(key(n), extra={"voice": "af_heart"}) for n in range(len(each))]
        return np.concatenate([np.array(x) for x in codec.push(streams, [[t] for t in each])])

    return speak


def mlx_audio(folder: Path) -> Speak:
    from mlx_audio.tts.models.kokoro.kokoro import Model, ModelConfig

    from mlxtts.nn import mx  # with the same BLAS

    model = Model(ModelConfig.from_dict(kokoro.FULL), repo_id="x")
    weights = mx.load(str(folder / kokoro.WEIGHTS))
    model.load_weights([*model.sanitize(weights).items()], strict=False)
    return each(lambda text: np.array(model(text, mx.array(style(text)), 1.0)))


def package(folder: Path) -> Speak:
    import torch

    from tests.parity.kokoro_reference import publish

    path = publish(folder / "torch", kokoro.FULL, kokoro.tensors(kokoro.FULL))
    from kokoro.model import KModel

    model = KModel("x", kokoro.FULL, str(path / "kokoro-v1_0.pth")).eval()
    if torch.cuda.is_available():
        model = model.cuda()
    return each(lambda text: model(text, torch.from_numpy(style(text)), 1.0).cpu().numpy())


def each(speak: Speak) -> Speak:
    return lambda text: np.concatenate([speak(part).reshape(-1) for part in text.split("|")])


SYSTEMS: dict[str, tuple[Callable[[Path], Speak], str]] = {
    "mlxtts": (ours, "mlx"),
    "mlx-audio": (mlx_audio, "mlx_audio"),
    "kokoro (PyTorch)": (package, "kokoro"),
}


ON_A_CPU = {"mlx-audio": 1}
"""How many of the texts it speaks there; a second of speech takes it 20."""


def begin(name: str, folder: Path) -> None:
    global _speak
    _speak = SYSTEMS[name][0](folder)


def measure(text: str) -> tuple[float, float, float]:
    """Seconds taken, seconds of sound, MiB."""
    start = time.perf_counter()
    samples = _speak(text)
    taken = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return taken, samples.size / 24_000, memory


def line(name: str, found: list[list[tuple[float, float, float]]]) -> list[object]:
    """`found`: of each text, the rounds."""
    speeds = [
        f"{median(sound / taken for taken, sound, _ in rounds):.2f}" if rounds else ""
        for rounds in found
    ]
    waited = found[1 if name == "mlxtts" else 2]
    first = f"{median(taken for taken, _, _ in waited):.2f}" if waited else ""
    memory = max(memory for rounds in found for *_, memory in rounds)
    return [name, *speeds, first, f"{memory:.0f}"]


def main(texts: tuple[str, ...] = TEXTS, config: dict[str, Any] = kokoro.FULL) -> None:
    there = [n for n, (_, module) in SYSTEMS.items() if importlib.util.find_spec(module)]
    context = multiprocessing.get_context("spawn")
    with TemporaryDirectory() as folder:
        model = kokoro.folder(Path(folder) / "kokoro", config, ("af_heart",))
        pools = {name: context.Pool(1, begin, (name, model)) for name in there}
        found: dict[str, list[list[Any]]] = {name: [[] for _ in texts] for name in there}
        for warm in [pool.apply_async(measure, (texts[0],)) for pool in pools.values()]:
            warm.get()
        for _ in range(ROUNDS):
            for name, pool in pools.items():
                last = ON_A_CPU.get(name, len(texts)) if on_cpu() else len(texts)
                for n, text in enumerate(texts[:last]):
                    found[name][n].append(pool.apply(measure, (text,)))
        for pool in pools.values():
            pool.terminate()
    head = [
        "times real time",
        "1 s",
        "4 s",
        "17 s",
        "8 times 4 s",
        "s to the first sound of 17 s",
        "MiB",
    ]
    table(head, [line(name, found[name]) for name in there])
