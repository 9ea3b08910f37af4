"""Building blocks on MLX, shared by the models and the codecs; none knows a model's name.

Streaming state lives outside the modules: a function takes a state and returns the next. The form
of an operation follows the device (`on_cpu`): what is one kernel on a GPU may be slow on a CPU,
where products of large matrices and few elementwise passes are fast.

MLX is imported here and taken from here by all others, so that what it finds is settled before it.
"""

from mlxtts import blas, caches

BLAS = blas.preload()
caches.make_room()

import mlx.core as mx  # noqa: E402, TID251
from mlx.nn import (  # noqa: E402, TID251
    Embedding,
    LayerNorm,
    Linear,
    Module,
    QuantizedEmbedding,
    QuantizedLinear,
    RMSNorm,
)
from mlx.utils import tree_flatten, tree_unflatten  # noqa: E402, TID251

__all__ = [
    "BLAS",
    "Embedding",
    "LayerNorm",
    "Linear",
    "Module",
    "QuantizedEmbedding",
    "QuantizedLinear",
    "RMSNorm",
    "in_kernels",
    "live_long",
    "mx",
    "on_cpu",
    "on_cuda",
    "tree_flatten",
    "tree_unflatten",
]


def on_cpu() -> bool:
    """True if MLX computes on the CPU by default."""
    return bool(mx.default_device() == mx.Device(mx.cpu))


def on_cuda() -> bool:
    """True if MLX computes on a GPU of NVIDIA's by default."""
    return not on_cpu() and mx.cuda.is_available()


_long_lived = False


def live_long() -> None:
    """Say that this program will. Kernels of our own for CUDA are compiled by each program anew,
    for some two seconds each, which a command that speaks a sentence should not wait for."""
    global _long_lived
    _long_lived = True


def in_kernels() -> bool:
    """True if codecs are to take kernels of our own: on CUDA, in a program that lives long."""
    return _long_lived and on_cuda()
