"""the full-size Mimi decoder against mlx-audio's and PyTorch's, on the same random weights

Seconds for 1.92 s of sound (24 frames), with the BLAS that mlxtts loads. "4 at a time" is what
mlxtts-decode does with an utterance that has begun. mlx-audio's column needs mlx-audio, and
PyTorch's torch and transformers.
"""

import importlib.util
from collections.abc import Callable
from typing import Any

from tests.bench.common import in_turn, seconds, table

FRAMES = 24
ROUNDS = 5


def theirs(frames: list[list[int]]) -> Callable[[], object]:
    """Its time does not depend on what the weights are."""
    from mlx_audio.codec.models.mimi import mimi as peer

    from mlxtts.nn import mx

    model = peer.Mimi(peer.mimi_202407(32))
    mx.eval(model.parameters())
    codes = mx.array(frames).T[None]
    return lambda: mx.eval(model.decode(codes))


def torch(config: dict[str, Any], tensors: Any, frames: list[list[int]]) -> Callable[[], object]:
    from tests.parity import references

    model = references.mimi_model(config, tensors)
    return lambda: references.mimi_decode(model, frames)


def main(config: dict[str, Any] | None = None) -> None:
    from mlxtts.nn.random import key
    from tests import mimi, weights

    config = config or weights.MIMI_FULL
    tensors = weights.mimi(config)
    frames = weights.mimi_codes(config, FRAMES)
    codec = mimi.build(config, tensors)

    def ours(chunk: int) -> None:
        stream = codec.stream(key(0, ""))
        for at in range(0, FRAMES, chunk):
            stream.push(frames[at : at + chunk])

    actions: dict[str, Callable[[], object]] = {
        "in one go": lambda: ours(FRAMES),
        "4 at a time": lambda: ours(4),
        "1 at a time": lambda: ours(1),
    }
    if config == weights.MIMI_FULL and importlib.util.find_spec("mlx_audio"):
        actions["mlx-audio"] = theirs(frames)
    if importlib.util.find_spec("torch") and importlib.util.find_spec("transformers"):
        actions["PyTorch"] = torch(config, tensors, frames)
    for action in actions.values():
        action()
    found = in_turn({name: lambda a=a: seconds(a) for name, a in actions.items()}, ROUNDS)
    length = FRAMES * codec.frame_samples / codec.rate
    rows = [
        ["seconds", *(f"{value:.2f}" for value in found.values())],
        ["times real time", *(f"{length / value:.1f}" for value in found.values())],
    ]
    table(["", *found], rows)
