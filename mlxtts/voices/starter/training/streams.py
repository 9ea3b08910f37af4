"""Work on a GPU side by side: small kernels leave most of it idle. A CUDA graph that is captured
meanwhile has branches.
"""

from contextlib import contextmanager, nullcontext
from functools import cache
from itertools import cycle

import torch

STREAMS = 6


@cache
def _streams(device):
    return [torch.cuda.Stream(device) for _ in range(STREAMS)]


@contextmanager
def beside(device):
    """On a GPU, a context whose ``with turn():`` blocks run side by side, as small kernels can;
    elsewhere one after the other.
    """
    if device.type != "cuda":
        yield nullcontext
        return
    main, used = torch.cuda.current_stream(device), set()
    turns = cycle(_streams(device))

    @contextmanager
    def turn():
        side = next(turns)
        if side not in used:
            side.wait_stream(main)
            used.add(side)
        with torch.cuda.stream(side):
            yield

    yield turn
    for side in used:
        main.wait_stream(side)
