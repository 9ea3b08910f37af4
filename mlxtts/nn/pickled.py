"""Tensors out of a PyTorch file (.pth, .pt), and nothing else.

Such a file is a ZIP archive with a pickle, which may ask for anything to be called. This reader
calls nothing that it does not have itself: names that stand for tensors, their storages and
dictionaries give stand-ins, and every other one is an error.
"""

from __future__ import annotations

import math
import pickle
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlxtts.errors import ModelError
from mlxtts.nn import mx

TYPES: dict[str, tuple[np.dtype[Any], mx.Dtype | None]] = {
    "FloatStorage": (np.dtype("<f4"), None),
    "DoubleStorage": (np.dtype("<f8"), None),
    "HalfStorage": (np.dtype("<f2"), None),
    "BFloat16Storage": (np.dtype("<u2"), mx.bfloat16),
    "LongStorage": (np.dtype("<i8"), None),
    "IntStorage": (np.dtype("<i4"), None),
    "BoolStorage": (np.dtype("?"), None),
}
"""How a storage's bytes are read, and as what they are seen then."""


@dataclass(frozen=True)
class Storage:
    name: str
    type: str


@dataclass(frozen=True)
class Stored:
    """A tensor whose numbers have not been read."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def rebuild(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Stored:
    numbers = (offset, *shape, *strides)
    if not isinstance(storage, Storage) or len(shape) != len(strides):
        raise ValueError("not a tensor")
    if not all(type(n) is int and n >= 0 for n in numbers):
        raise ValueError("not the shape of a tensor")
    return Stored(storage, offset, tuple(shape), tuple(strides))


def parameter(tensor: Any, *_: Any) -> Any:
    return tensor


NAMES: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): rebuild,
    ("torch._utils", "_rebuild_parameter"): parameter,
    **{("torch", name): name for name in TYPES},
}


class Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in NAMES:
            raise ValueError(f"asks for {module}.{name}, which is no tensor")
        return NAMES[module, name]

    def persistent_load(self, pid: Any) -> Storage:
        kind, type_, name, *_ = pid
        if kind != "storage" or type_ not in TYPES or type(name) is not str:
            raise ValueError("holds something else than tensors")
        return Storage(name, type_)


def read(path: Path) -> dict[str, mx.array]:
    """All tensors of a file, by name; those in dictionaries within it as `outer.inner`, and one
    that is alone as "". Raises ModelError for a file that holds anything else."""
    try:
        with zipfile.ZipFile(path) as archive:
            stem = _stem(archive)
            with archive.open(f"{stem}/data.pkl") as file:
                return dict(_tensors(archive, stem, _unpickled(file)))
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise ModelError(f"{path}: {reason or 'not a PyTorch file'}") from None
    except (ValueError, TypeError, pickle.UnpicklingError, EOFError, AttributeError) as error:
        raise ModelError(f"{path}: {error}") from None


def _stem(archive: zipfile.ZipFile) -> str:
    stems = [name.removesuffix("/data.pkl") for name in archive.namelist()]
    return next(
        stem for stem in [*stems, ""] if f"{stem}/data.pkl" in archive.namelist() or not stem
    )


def _unpickled(file: Any) -> Any:
    return Unpickler(file).load()


def _tensors(archive: zipfile.ZipFile, stem: str, value: Any, name: str = "") -> Any:
    if isinstance(value, Stored):
        yield name, _tensor(archive, stem, value)
    elif isinstance(value, dict) and all(type(key) is str for key in value):
        for key, inner in value.items():
            yield from _tensors(archive, stem, inner, f"{name}.{key}" if name else key)
    else:
        raise ValueError("holds something else than tensors")


def _tensor(archive: zipfile.ZipFile, stem: str, stored: Stored) -> mx.array:
    numbers, seen_as = TYPES[stored.storage.type]
    flat = np.frombuffer(archive.read(f"{stem}/data/{stored.storage.name}"), numbers)
    last = stored.offset + sum(
        (n - 1) * s for n, s in zip(stored.shape, stored.strides, strict=True)
    )
    if math.prod(stored.shape) and last >= len(flat):
        raise ValueError("a tensor is larger than its storage")
    if not math.prod(stored.shape):
        return mx.zeros(stored.shape)
    strides = [s * flat.itemsize for s in stored.strides]
    view = np.lib.stride_tricks.as_strided(
        flat[stored.offset :], stored.shape, strides, writeable=False
    )
    array = mx.array(np.ascontiguousarray(view))
    return array if seen_as is None else array.view(seen_as)
