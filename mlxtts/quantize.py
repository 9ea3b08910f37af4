"""A model's folder to a smaller one, its matrices quantised, which this package, MLX-LM and
mlx-audio load alike.

Works on the checkpoint, a tensor at a time, so that a model may be larger than the memory. Which of
its tensors are matrices that may be quantised, the model says.
"""

from __future__ import annotations

import copy
import json
import math
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlxtts import hub, models
from mlxtts.errors import ModelError, subject
from mlxtts.nn import mx
from mlxtts.nn.loading import OTHER_FORMATS, read_json
from mlxtts.nn.quantization import (
    Packed,
    Packing,
    Quantization,
    Tensor,
    floats,
    gather,
    packings,
    scatter,
    unpacked,
)
from mlxtts.nn.recipes import Manner, Matrix
from mlxtts.nn.saving import write_checkpoint, write_safetensors

WEIGHTS = (".safetensors", *OTHER_FORMATS)


@dataclass(frozen=True)
class Outcome:
    """before, after: bytes of the weights.
    bits: what a weight takes now, all told.
    kept: matrices that stay as they are, since the group size does not divide their columns."""

    before: int
    after: int
    bits: float
    kept: tuple[str, ...]


class Source:
    """A model that is to be quantised, by its name; it may be quantised already. Raises ModelError
    if it cannot be."""

    def __init__(self, name: str, access: hub.Access = hub.DEFAULT) -> None:
        self._subject = f"model {name!r}"
        self._folder = hub.locate(name, access)
        self._entry = hub.known(name)
        self._module = models.find(self._folder)
        self._config = self._module.read_config(self._folder)
        path = self._folder / "config.json"
        self._raw = read_json(path)
        self._quantization = Quantization.parse(self._raw, str(path))

    def write(self, folder: Path, manner: Manner, name: str | None = None) -> Outcome:
        """Fill an empty folder, which an OSError calls `name`. Raises ModelError for tensors that
        are missing, misshapen, or of as few bits already."""
        found = self._module.needed(self._module.weights(self._folder), self._config)
        before = sum(tensor.nbytes for tensor in found.values())
        with subject(self._subject):
            tensors = gather(found, self._quantization)
            count = sum(math.prod(tensor.shape) for tensor in tensors.values())
            matrices = self._module.matrices(self._config)
            packed, said, kept = pack(tensors, matrices, manner, packings(tensors))
        del found, tensors
        kind = {"model_type": self._module.MODEL_TYPES[0]}
        told = kind | self._raw | self._module.aliases(self._raw) | self._known() | said
        text = json.dumps(told, indent=1, ensure_ascii=False)
        with subject(name or str(folder)):
            self._copy(folder)
            self._convert(folder)
            (folder / "config.json").write_text(text + "\n", encoding="utf-8")
            after = write_checkpoint(folder, packed)
        return Outcome(before, after, 8 * after / count, tuple(kept))

    def _known(self) -> dict[str, Any]:
        """What a folder would lose by not having its short name."""
        if self._entry is None:
            return {}
        known = {"voices": self._entry.voices, "languages": self._entry.languages}
        return {key: list(value) for key, value in known.items() if key not in self._raw}

    def _copy(self, folder: Path) -> None:
        """Everything beside the weights; of the folders in it what may be read from them."""
        for path in sorted(self._folder.iterdir()):
            if path.name.startswith("."):
                continue
            if path.is_dir():
                _copy_data(path, folder / path.name)
            elif not path.name.endswith((*WEIGHTS, ".safetensors.index.json")):
                _copy_file(path, folder / path.name)

    def _convert(self, folder: Path) -> None:
        """What has tensors in other files, such as voices in PyTorch's."""
        for name, tensors in self._module.beside(self._folder):
            (folder / name).parent.mkdir(exist_ok=True)
            write_safetensors(folder / name, tensors)


def _copy_data(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*")):
        if path.suffix in hub.SUFFIXES and path.is_file():
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            _copy_file(path, place)


def _copy_file(path: Path, target: Path) -> None:
    """As shutil.copyfile, which calls every error one of the file that is read."""
    with subject(str(path)):
        source = path.open("rb")
    with source, target.open("wb") as copy:
        shutil.copyfileobj(source, copy)


def quantize_model(
    model: models.Model,
    config: dict[str, Any],
    group_size: int | None = None,
    bits: int | None = None,
    mode: str = "affine",
    recipe: str | None = None,
    head_bits: int | None = None,
) -> tuple[dict[str, mx.array], dict[str, Any]]:
    """Quantise a model in memory: its tensors as its checkpoint has them, and its configuration,
    which `config`, the object in its config.json, is with how they are packed. The model stays as
    it is. It may be quantised, as `config` says then.

    group_size, bits, mode, recipe, head_bits: see man mlxtts-quantize.

    Raises UsageError for what MLX does not have, ModelError for a model that has as few bits
    already.
    """
    manner = Manner.choose(bits, group_size, mode, recipe, head_bits)
    quantization = Quantization.parse(config, "config")
    module = models.serving(config, "config")
    tensors, matrices = module.checkpoint(model), module.matrices(model.config)
    had = {}
    for matrix in matrices:
        packing = quantization.of(matrix.layer)
        if packing and tensors[f"{matrix.layer}.weight"].shape[1] % packing.group_size == 0:
            had[matrix.layer] = packing
    packed, said, _ = pack(tensors, matrices, manner, had)
    return packed, copy.deepcopy(config) | module.aliases(config) | said


def pack(
    tensors: Mapping[str, Tensor],
    matrices: Iterable[Matrix],
    manner: Manner,
    had: Mapping[str, Packing],
) -> tuple[dict[str, mx.array], dict[str, Any], list[str]]:
    """The tensors with their matrices packed, though nothing is computed yet; what config.json has
    to say of it, in MLX-LM's words; and the layers that stay as they are. `had`: how those layers
    are packed that are, or were before they were unpacked in memory."""
    plan, kept = {}, []
    for layer, packing in manner.plan(matrices).items():
        tensor = tensors.get(f"{layer}.weight")
        if tensor is None or len(tensor.shape) != 2:
            raise ModelError(f"no matrix {layer}.weight")
        if tensor.shape[1] % packing.group_size:
            kept.append(layer)
        else:
            plan[layer] = packing
    if not plan:
        raise ModelError(f"no matrix has columns that {manner.packing.group_size} divides")
    plan |= {layer: packing for layer, packing in had.items() if layer not in plan}
    _check_fewer(had, plan)
    made = {f"{layer}.weight": _repack(tensors[f"{layer}.weight"], plan[layer]) for layer in plan}
    others = {name: packing for name, packing in plan.items() if packing != manner.packing}
    said = manner.packing.options | {name: packing.options for name, packing in others.items()}
    packed = scatter({**tensors, **made})
    return packed, {"quantization": said, "quantization_config": said}, kept


def _check_fewer(had: Mapping[str, Packing], plan: Mapping[str, Packing]) -> None:
    """Raise ModelError unless each layer that is packed gets fewer bits or stays as it is, and not
    all do: what was rounded away does not come back with more bits, so any layer that got as many
    in another way would only be rounded once more."""
    same = plan == had
    for layer, new in plan.items():
        old = had.get(layer)
        if old and (same or (new != old and _bits(new) >= _bits(old))):
            bits = f"{_bits(old):.2f} bits a weight"
            raise ModelError(f"{layer} is already quantised to {bits}: ask for fewer")


def _bits(packing: Packing) -> float:
    """Of a weight, with its share of a scale, which in mode affine is two halves."""
    return packing.bits + (32 if packing.mode == "affine" else 8) / packing.group_size


def _repack(tensor: Tensor, packing: Packing) -> Packed:
    """A matrix, packed or not, in this packing; its scales of the same type of numbers as it."""
    if isinstance(tensor, Packed) and tensor.packing == packing:
        return tensor
    made = Packed(packing, *mx.quantize(unpacked(tensor), **packing.options))
    return made.map(lambda part: floats(part, tensor.dtype))
