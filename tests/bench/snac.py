"""the full-size SNAC decoder against mlx-audio's and PyTorch's, on the same random weights

Seconds for 1.02 s of sound (12 frames). Needs mlx-audio; PyTorch's column needs torch and snac.
Goals: 3 times as fast as mlx-audio with wheels alone, 10 times with OpenBLAS; streaming, a frame at
a time and with the lag flushed, at most 1.2 times as long as in one go.
"""

import importlib.util
import json
import os
import subprocess
import sys

from tests.bench.common import blas_choices, blas_name, table
from tests.conftest import ROOT, environment

FRAMES = 12
ROUNDS = 5


def measure() -> dict[str, float]:
    """In a process of its own, since the BLAS is chosen when MLX is loaded."""
    import numpy as np

    from mlxtts.codecs.snac.checkpoint import sanitize
    from mlxtts.codecs.snac.codec import Codec, Stream
    from mlxtts.codecs.snac.config import Config
    from mlxtts.nn import loading, mx
    from mlxtts.nn.random import key
    from tests import weights
    from tests.bench.common import in_turn, seconds

    config = weights.SNAC_FULL
    tensors = weights.snac(config)
    codes = weights.snac_codes(config, FRAMES)
    frames = weights.snac_frames(codes, weights.SNAC_LAYOUT)
    codec = Codec(Config())
    loading.load(codec, sanitize({k: mx.array(v) for k, v in tensors.items()}), ROOT)

    def ours(chunk: int) -> object:
        stream = Stream(codec, key(0), None, None)
        pieces = [stream.push(frames[at : at + chunk]) for at in range(0, FRAMES, chunk)]
        return [*pieces, stream.flush()]

    actions = {
        "in one go": lambda: seconds(lambda: ours(FRAMES)),
        "streamed": lambda: seconds(lambda: ours(1)),
    }
    if importlib.util.find_spec("mlx_audio"):
        from mlx_audio.codec.models.snac import SNAC

        theirs = SNAC(**config)
        mx.eval(theirs.parameters())
        levels = [mx.array(level) for level in codes]
        actions["mlx-audio"] = lambda: seconds(lambda: mx.eval(theirs.decode(levels)))
    if importlib.util.find_spec("snac"):
        import torch

        from tests.parity import references

        reference = references.snac_model(config, tensors)
        torch_levels = [torch.from_numpy(np.asarray(level)) for level in codes]

        def torch_decode() -> None:
            with torch.no_grad():
                reference.decode(torch_levels)

        actions["PyTorch"] = lambda: seconds(torch_decode)
    for action in actions.values():
        action()
    return in_turn(actions, ROUNDS)


def main() -> None:
    rows = []
    names: list[str] = []
    for blas in blas_choices():
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.snac"],
            capture_output=True,
            check=True,
            cwd=ROOT,
            env=environment(MLXTTS_BLAS=blas) | {"PYTHONPATH": os.fspath(ROOT)},
        )
        found = json.loads(done.stdout.splitlines()[-1])
        names = list(found)
        ratios = [f"{found['streamed'] / found['in one go']:.2f}"]
        if "mlx-audio" in found:
            ratios.append(f"{found['mlx-audio'] / found['in one go']:.1f}")
        rows.append([blas_name(blas), *(f"{found[name]:.2f}" for name in names), *ratios])
    ratio_names = ["streamed / in one go", "mlx-audio / in one go"]
    table(["seconds", *names, *ratio_names[: len(rows[0]) - 1 - len(names)]], rows)


if __name__ == "__main__":
    print(json.dumps(measure()))
