"""Safetensors files into modules, strictly: a missing, extra or misshapen tensor is an error that
names it."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

from mlxtts.errors import ModelError
from mlxtts.nn import Module, mx, on_cpu, tree_flatten
from mlxtts.nn.linear import Linear
from mlxtts.nn.quantization import Tensor, float32, place, unpacked

if TYPE_CHECKING:
    from tokenizers import Tokenizer

T = TypeVar("T")
MAX_HEADER = 100 << 20  # as in the safetensors library
OTHER_FORMATS = (".npz", ".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".gguf")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises ModelError if there is none."""
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise ModelError(f"{path}: not JSON") from None
    if not isinstance(value, dict):
        raise ModelError(f"{path}: not a JSON object")
    return value


def configure(cls: type[T], raw: dict[str, Any], source: Path) -> T:
    """A configuration dataclass from the keys that it knows; lists become tuples.

    Raises ModelError, naming the key, for one that is missing or of another type.
    """
    hints = get_type_hints(cls)
    values = {}
    for field in fields(cls):  # type: ignore[arg-type]
        if field.name in raw:
            value = raw[field.name]
            value = tuple(value) if isinstance(value, list) else value
            if not _fits(value, hints[field.name]):
                raise ModelError(f"{source}: {field.name} cannot be {value!r}")
            values[field.name] = value
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ModelError(f"{source}: no {field.name}")
    return cls(**values)


def _fits(value: object, hint: Any) -> bool:
    """Whether a JSON value is of the type: a plain one, a union of them, or tuple[plain, ...]."""
    if isinstance(hint, UnionType):
        return any(_fits(value, choice) for choice in get_args(hint))
    if get_origin(hint) is tuple:
        return isinstance(value, tuple) and all(_fits(item, get_args(hint)[0]) for item in value)
    if hint is float:
        return type(value) in (int, float)
    return type(value) is hint


def read_safetensors(path: Path) -> dict[str, mx.array]:
    """All tensors of one file, by name. MLX reads each of them once, when it is first evaluated,
    into memory of its own, so that the file is never there as a whole.

    Raises ModelError for a file that is not there, unreadable, cut short or not safetensors.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    try:
        _check_safetensors(path)
        weights = mx.load(str(path))
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from None
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"{path}: {error}") from None
    assert isinstance(weights, dict)
    return weights


def read_tokenizer(path: Path) -> Tokenizer:
    """A tokenizer.json. Raises ModelError if it is not there, or not one."""
    from tokenizers import Tokenizer

    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more specific
        raise ModelError(f"{path}: {error}") from None


def read_checkpoint(folder: Path) -> dict[str, mx.array]:
    """The tensors of model.safetensors, or of the shards that its index lists."""
    path = folder / "model.safetensors"
    index = folder / "model.safetensors.index.json"
    if path.is_file() or not index.is_file():
        _check_kind(path)
        return read_safetensors(path)
    shards = read_json(index).get("weight_map")
    if not isinstance(shards, dict) or not all(type(name) is str for name in shards.values()):
        raise ModelError(f"{index}: no weight_map")
    weights: dict[str, mx.array] = {}
    for name in sorted(set(shards.values())):
        if Path(name).name != name:
            raise ModelError(f"{index}: {name!r} is not a file name")
        weights |= read_safetensors(folder / name)
    return weights


def _check_kind(path: Path) -> None:
    """Other formats may hold code, and are not opened."""
    others = sorted(other for other in path.parent.glob("*") if other.suffix in OTHER_FORMATS)
    if others and not path.is_file():
        raise ModelError(f"{others[0]}: only safetensors are read, and there is no {path.name}")


def _check_safetensors(path: Path) -> None:
    """MLX reads tensors late, and a file cut short would fail in the midst of speech."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else MAX_HEADER + 1
        if length > min(MAX_HEADER, size - 8):
            raise ModelError(f"{path}: not a safetensors file, or cut short")
        try:
            header = json.loads(file.read(length))
            ends = [
                tensor["data_offsets"][1] for name, tensor in header.items() if name[:2] != "__"
            ]
            wanted = 8 + length + max(ends, default=0)
        except (ValueError, RecursionError, TypeError, KeyError, IndexError, AttributeError):
            raise ModelError(f"{path}: not a safetensors file") from None
    if size < wanted:
        raise ModelError(f"{path}: cut short: {size} of {wanted} bytes")


def load(module: Module, weights: Mapping[str, Tensor], source: Path) -> None:
    """Put the tensors in their places and evaluate them. `source` is named in errors.

    On a CPU they become float32, also what is quantised, for that has the only fast matrix product
    there. The products of 4 layers of width 1024 on two cores: for one row 20 ms, packed in 4 bits
    72 ms; for eight rows 41 and 494 ms; with MLX's own BLAS 32 and 56, 248 and 426 ms. Unpacking
    takes 5 ns a weight, once.
    """
    _check_places(module, weights, source)
    if on_cpu():
        weights = {name: float32(unpacked(tensor)) for name, tensor in weights.items()}
    module.load_weights(list(place(module, weights).items()), strict=True)
    module.freeze()
    del weights
    if on_cpu():
        for part in module.modules():
            if isinstance(part, Linear):  # x @ weight.T is faster with the columns contiguous
                part.weight = mx.contiguous(part.weight.T).T
    try:
        for tensor in dict(tree_flatten(module.parameters())).values():
            mx.eval(tensor)  # one by one, so that what it was made of is forgotten before the next
    except RuntimeError as error:
        raise ModelError(f"{source}: {error}") from None


def _check_places(module: Module, weights: Mapping[str, Tensor], source: Path) -> None:
    places = dict(tree_flatten(module.parameters()))
    if missing := sorted(places.keys() - weights.keys()):
        raise ModelError(f"{source}: no tensor {_few(missing)}")
    if extra := sorted(weights.keys() - places.keys()):
        raise ModelError(f"{source}: unknown tensor {_few(extra)}")
    for name, tensor in places.items():
        if weights[name].shape != tensor.shape:
            raise ModelError(
                f"{source}: tensor {name} has shape {weights[name].shape}, not {tensor.shape}"
            )


def _few(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
