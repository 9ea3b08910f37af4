"""Quantised matrices, as MLX-LM writes them: `X.weight` packed into integers, `X.scales` and, in
mode affine, `X.biases`, and in config.json under `quantization` how to read them.

Knows matrices and their names; which a model has, and which are one there, it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlxtts.errors import ModelError
from mlxtts.nn import (
    Embedding,
    Module,
    QuantizedEmbedding,
    QuantizedLinear,
    mx,
    on_cpu,
    tree_flatten,
    tree_unflatten,
)
from mlxtts.nn.linear import Linear, by_numpy
from mlxtts.nn.stretches import memory
from mlxtts.nn.threads import is_little

MODES = {
    "affine": ((64, 32, 128), (4, 2, 3, 5, 6, 8)),
    "mxfp4": ((32,), (4,)),
    "nvfp4": ((16,), (4,)),
    "mxfp8": ((32,), (8,)),
}
"""The group sizes and numbers of bits that MLX has for each mode, the default first."""
LARGEST = 0.25  # share of a GPU's memory that unpacked weights may take


@dataclass(frozen=True)
class Packing:
    """`bits` for each number of a row, and a scale for every `group_size` of them."""

    group_size: int
    bits: int
    mode: str = "affine"

    @classmethod
    def parse(cls, raw: Mapping[str, Any], where: str) -> Packing:
        mode = raw.get("mode", "affine")
        known = MODES.get(mode) if isinstance(mode, str) else None
        if known is None:
            raise ModelError(f"{where}: mode cannot be {mode!r}")
        group_sizes, bits = known
        return cls(
            _choice(raw, "group_size", group_sizes, f"{where}: mode {mode}"),
            _choice(raw, "bits", bits, f"{where}: mode {mode}"),
            mode,
        )

    @property
    def options(self) -> dict[str, Any]:
        """What MLX's functions want to be told."""
        return {"group_size": self.group_size, "bits": self.bits, "mode": self.mode}


def _choice(raw: Mapping[str, Any], key: str, choices: tuple[int, ...], where: str) -> int:
    """The value of a key, by default the first choice."""
    value = raw.get(key, choices[0])
    if type(value) is not int or value not in choices:
        raise ModelError(f"{where}: {key} cannot be {value!r}")
    return value


@dataclass(frozen=True)
class Quantization:
    """How the quantised layers are packed: one way for all, and another for those named, or None
    for those that are not quantised."""

    packing: Packing | None = None
    layers: Mapping[str, Packing | None] = field(default_factory=dict)

    @classmethod
    def parse(cls, raw: Mapping[str, Any], where: str) -> Quantization:
        """From a whole config.json. Raises ModelError, naming the key, for what MLX cannot read."""
        key = "quantization" if raw.get("quantization") else "quantization_config"
        said = raw.get(key)
        if said is None:
            return cls()
        if not isinstance(said, dict):
            raise ModelError(f"{where}: {key} cannot be {said!r}")
        if "quant_method" in said:
            raise ModelError(f"{where}: {key}: only MLX's own quantisation is implemented")
        packing = Packing.parse(said, f"{where}: {key}")
        layers: dict[str, Packing | None] = {}
        for name, value in said.items():
            if isinstance(value, dict):
                layers[name] = Packing.parse(value, f"{where}: {key}: {name}")
            elif value is False:
                layers[name] = None
        return cls(packing, layers)

    def of(self, layer: str) -> Packing | None:
        return self.layers.get(layer, self.packing)


@dataclass(frozen=True)
class Packed:
    """A quantised matrix. Its parts have the rows of the matrix, so what selects, stacks or orders
    rows does so with each part, and unpacks nothing."""

    packing: Packing
    weight: mx.array
    scales: mx.array
    biases: mx.array | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the matrix."""
        return (self.weight.shape[0], self.weight.shape[1] * 32 // self.packing.bits)

    @property
    def dtype(self) -> mx.Dtype:
        """That of the matrix where MLX unpacks it."""
        return self.scales.dtype if self.packing.mode == "affine" else mx.bfloat16

    @property
    def parts(self) -> dict[str, mx.array]:
        parts = {"weight": self.weight, "scales": self.scales}
        return parts if self.biases is None else parts | {"biases": self.biases}

    def map(self, change: Callable[[mx.array], mx.array]) -> Packed:
        biases = None if self.biases is None else change(self.biases)
        return Packed(self.packing, change(self.weight), change(self.scales), biases)

    def unpack(self) -> mx.array:
        """The matrix; on a CPU before it is rounded to the type of its scales."""
        parts = self.map(float32) if on_cpu() else self
        options = self.packing.options
        return mx.dequantize(parts.weight, parts.scales, parts.biases, **options)


Tensor = mx.array | Packed


def floats(tensor: mx.array, kind: mx.Dtype) -> mx.array:
    """Floating numbers of another type as of this one."""
    return tensor.astype(kind) if mx.issubdtype(tensor.dtype, mx.floating) else tensor


def float32(tensor: mx.array) -> mx.array:
    return floats(tensor, mx.float32)


def unpacked(tensor: Tensor) -> mx.array:
    return tensor.unpack() if isinstance(tensor, Packed) else tensor


def order(tensor: Tensor, change: Callable[[mx.array], mx.array]) -> Tensor:
    """A matrix with its rows in the order into which `change` puts them."""
    return tensor.map(change) if isinstance(tensor, Packed) else change(tensor)


def stack(tensors: Sequence[Tensor]) -> Tensor:
    """The rows of all, in one matrix: packed if all are packed alike."""
    packed = [tensor for tensor in tensors if isinstance(tensor, Packed)]
    if len(packed) < len(tensors) or len({tensor.packing for tensor in packed}) > 1:
        return mx.concatenate([unpacked(tensor) for tensor in tensors])
    parts = {name: [tensor.parts[name] for tensor in packed] for name in packed[0].parts}
    whole = {name: mx.concatenate(part) for name, part in parts.items()}
    return Packed(packed[0].packing, whole["weight"], whole["scales"], whole.get("biases"))


def gather(weights: Mapping[str, mx.array], quantization: Quantization) -> dict[str, Tensor]:
    """The tensors of a checkpoint, with the parts of a quantised matrix made one `Packed` under the
    name of its weight. Raises ModelError, naming the tensor, for parts that do not fit together."""
    layers = {
        name.rpartition(".")[0]: None
        for name, tensor in weights.items()
        if name.endswith(".scales") or (name.endswith(".weight") and tensor.dtype == mx.uint32)
    }
    gathered: dict[str, Tensor] = dict(weights)
    for layer in layers:
        packed = _packed(weights, layer, quantization.of(layer))
        for part in packed.parts:
            del gathered[f"{layer}.{part}"]
        gathered[f"{layer}.weight"] = packed
    return gathered


def _packed(weights: Mapping[str, mx.array], layer: str, packing: Packing | None) -> Packed:
    if packing is None:
        raise ModelError(f"tensor {layer}.weight is quantised, but not according to config.json")
    leaves = ("weight", "scales", "biases")[: 3 if packing.mode == "affine" else 2]
    for leaf in leaves:
        if f"{layer}.{leaf}" not in weights:
            raise ModelError(f"no tensor {layer}.{leaf}")
    parts = {leaf: weights[f"{layer}.{leaf}"] for leaf in leaves}
    packed = Packed(packing, parts["weight"], parts["scales"], parts.get("biases"))
    _check(layer, packed)
    return packed


def _check(layer: str, packed: Packed) -> None:
    """Raise ModelError for a part of another type or shape than the packing has."""
    if packed.weight.dtype != mx.uint32 or packed.weight.ndim != 2:
        raise ModelError(f"tensor {layer}.weight is not packed, but {layer}.scales is there")
    wanted = (packed.shape[0], packed.shape[1] // packed.packing.group_size)
    kind = mx.floating if packed.packing.mode == "affine" else mx.uint8
    for leaf, part in list(packed.parts.items())[1:]:
        if part.shape != wanted:
            raise ModelError(f"tensor {layer}.{leaf} has shape {part.shape}, not {wanted}")
        if not mx.issubdtype(part.dtype, kind):
            raise ModelError(f"tensor {layer}.{leaf} cannot be of type {part.dtype}")


def scatter(weights: Mapping[str, Tensor]) -> dict[str, mx.array]:
    """What `gather` was given."""
    scattered: dict[str, mx.array] = {}
    for name, tensor in weights.items():
        if isinstance(tensor, Packed):
            layer = name.removesuffix(".weight")
            scattered |= {f"{layer}.{leaf}": part for leaf, part in tensor.parts.items()}
        else:
            scattered[name] = tensor
    return scattered


def packings(weights: Mapping[str, Tensor]) -> dict[str, Packing]:
    """How each of the layers that are quantised is packed."""
    return {
        name.removesuffix(".weight"): tensor.packing
        for name, tensor in weights.items()
        if isinstance(tensor, Packed)
    }


def place(module: Module, weights: Mapping[str, Tensor]) -> dict[str, mx.array]:
    """Put quantised layers where `weights` has quantised matrices; returns the plain tensors for
    the parameters that the module then has."""
    layers = dict(module.named_modules())
    replaced = [
        (layer, layers[layer].to_quantized(**packing.options))
        for layer, packing in packings(weights).items()
    ]
    module.update_modules(tree_unflatten(replaced))
    return scatter(weights)


def plain(module: Module) -> dict[str, mx.array]:
    """The parameters of a module, matrices that are quantised there unpacked."""
    said = Quantization(layers={name: packing for name, _, packing in _quantised(module)})
    weights = gather(dict(tree_flatten(module.parameters())), said)
    return {name: unpacked(tensor) for name, tensor in weights.items()}


def _quantised(module: Module) -> list[tuple[str, Module, Packing]]:
    """Its quantised layers, by name, and how each is packed."""
    return [
        (name, layer, Packing(layer.group_size, layer.bits, layer.mode))
        for name, layer in module.named_modules()
        if isinstance(layer, QuantizedLinear | QuantizedEmbedding)
    ]


def unpack(module: Module) -> None:
    """Make quantised layers plain ones, which wide batches are faster with on CUDA, if these take
    no more than a part of the GPU's memory."""
    layers = _quantised(module)
    size = sum(2 * layer.scales.size * layer.group_size for _, layer, _ in layers)
    if size > LARGEST * int(mx.device_info().get("total_memory", 0)):
        return
    replaced = []
    for name, layer, packing in layers:
        made = Linear(1, 1, bias=False) if isinstance(layer, QuantizedLinear) else Embedding(1, 1)
        packed = Packed(packing, layer.weight, layer.scales, layer.get("biases"))
        made.weight = packed.unpack()
        mx.eval(made.weight)
        replaced.append((name, made))
    module.update_modules(tree_unflatten(replaced))


def project(x: mx.array, layer: Module, start: int, stop: int) -> mx.array:
    """(B, I) times rows `start` to `stop` of the matrix of a linear or embedding layer, quantised
    or not: (B, stop - start). The rows are a view; nothing is copied. Waits for `x` on a CPU."""
    if not isinstance(layer, QuantizedLinear | QuantizedEmbedding):
        if on_cpu() and is_little(len(x), (stop - start) * x.shape[-1]):
            return mx.array(by_numpy(memory(x), memory(layer.weight)[start:stop].T))
        plain: mx.array = x @ layer.weight[start:stop].T
        return plain
    biases = layer.get("biases")
    return mx.quantized_matmul(
        x,
        layer.weight[start:stop],
        layer.scales[start:stop],
        None if biases is None else biases[start:stop],
        transpose=True,
        group_size=layer.group_size,
        bits=layer.bits,
        mode=layer.mode,
    )
