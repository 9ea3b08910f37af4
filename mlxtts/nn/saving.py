"""Tensors into safetensors files, one at a time: what has been written is forgotten before the next
is computed, so that there is never more of a checkpoint in memory than its largest tensor.

The format: huggingface.co/docs/safetensors. MLX's own function wants all of a file's tensors at
once, and so does the safetensors library.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import BinaryIO

from mlxtts.nn import mx

SHARD = 5_000_000_000  # bytes of tensors in a file at most, as the hub has it
ALIGNMENT = 8
NAMES = {
    mx.bool_: "BOOL",
    mx.uint8: "U8",
    mx.int8: "I8",
    mx.uint16: "U16",
    mx.int16: "I16",
    mx.uint32: "U32",
    mx.int32: "I32",
    mx.uint64: "U64",
    mx.int64: "I64",
    mx.float16: "F16",
    mx.bfloat16: "BF16",
    mx.float32: "F32",
}
"""What safetensors call the types of numbers."""


def write_checkpoint(folder: Path, tensors: dict[str, mx.array], limit: int = SHARD) -> int:
    """Write model.safetensors, or shards and their index, and empty `tensors`; returns the bytes
    that the tensors take. `limit`: how many of them a file may have, but for a larger tensor."""
    shards = _shards(tensors, limit)
    size = sum(tensor.nbytes for tensor in tensors.values())
    places: dict[str, str] = {}
    for number, names in enumerate(shards, 1):
        several = len(shards) > 1
        file = f"model-{number:05}-of-{len(shards):05}.safetensors" if several else ""
        places |= dict.fromkeys(names, file)
        write_safetensors(
            folder / (file or "model.safetensors"), {name: tensors.pop(name) for name in names}
        )
    if len(shards) > 1:
        index = {"metadata": {"total_size": size}, "weight_map": dict(sorted(places.items()))}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")
    return size


def write_safetensors(path: Path, tensors: dict[str, mx.array]) -> None:
    """Write one file, and empty `tensors`."""
    with path.open("wb") as file:
        file.write(_header(tensors))
        for name in sorted(tensors):
            _write(file, tensors.pop(name))


def _shards(tensors: dict[str, mx.array], limit: int) -> list[list[str]]:
    """Their names, in the order of the files. The parts of a quantised matrix come one after
    another, so that it is computed once."""
    shards: list[list[str]] = [[]]
    size = 0
    for name in sorted(tensors):
        if shards[-1] and size + tensors[name].nbytes > limit:
            shards.append([])
            size = 0
        shards[-1].append(name)
        size += tensors[name].nbytes
    return shards


def _header(tensors: dict[str, mx.array]) -> bytes:
    """Types and shapes are known before there are numbers."""
    header: dict[str, object] = {"__metadata__": {"format": "mlx"}}
    at = 0
    for name in sorted(tensors):
        tensor = tensors[name]
        offsets = [at, at + tensor.nbytes]
        kind = NAMES[tensor.dtype]
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": offsets}
        at = offsets[1]
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return struct.pack("<Q", len(text)) + text


def _write(file: BinaryIO, tensor: mx.array) -> None:
    flat = tensor.reshape(-1)
    plain = flat if tensor.dtype == mx.bool_ else flat.view(mx.uint8)
    mx.eval(plain)
    file.write(memoryview(plain))  # type: ignore[arg-type]
