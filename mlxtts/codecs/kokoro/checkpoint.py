"""Kokoro checkpoints: the tensors of the reference, or as MLX-Audio's conversions have them, in the
form that the network uses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from mlxtts.codecs.kokoro.config import Config
from mlxtts.codecs.kokoro.network import Network
from mlxtts.errors import ModelError, subject
from mlxtts.nn import conv, mx, tree_flatten
from mlxtts.nn.loading import load, read_safetensors
from mlxtts.nn.pickled import read as read_torch
from mlxtts.nn.quantization import Quantization, float32, gather, unpacked

Weights = dict[str, mx.array]
Shapes = Mapping[str, tuple[int, ...]]

UNUSED = r"bert\.pooler\..*|.*position_ids"
LSTM = re.compile(r"(.*)\.(weight_ih|weight_hh|bias_ih|bias_hh)_l0(_reverse)?")
MLX_LSTM = {
    "Wx": "weight_ih", "Wh": "weight_hh", "bias_ih": "bias_ih", "bias_hh": "bias_hh",
}  # fmt: skip
UPS = re.compile(r"decoder\.generator\.ups\.\d+\.weight")
DOUBLE = re.compile(r".*\.pool\.weight")
SNAKE = re.compile(r"(.*)\.alpha([12])\.(\d+)")
NORM = re.compile(r"(.*)\.norm\.weight")


def sanitize(weights: Weights, quantization: Quantization, shapes: Shapes) -> Weights:
    """Matrices are unpacked, weight norm is folded, the biases of LSTMs are added up, and the scale
    that some files have for a norm goes into the style's. `shapes`: of the network's tensors."""
    gathered = gather(plain(weights), quantization)
    tensors = {name: float32(unpacked(tensor)) for name, tensor in gathered.items()}
    torch = {_torch_name(name): tensor for name, tensor in tensors.items()}
    return _styles(_lstms(_convolutions(_folded(torch), shapes)))


def plain(weights: Weights) -> Weights:
    """Without what is not used."""
    return {name: w for name, w in named(weights).items() if not re.fullmatch(UNUSED, name)}


def named(weights: Weights) -> Weights:
    """Without `module.`, which the published file has in its names."""
    return {name.replace(".module.", "."): tensor for name, tensor in weights.items()}


def _torch_name(name: str) -> str:
    stem, _, leaf = name.rpartition(".")
    part, _, direction = leaf.rpartition("_")
    if part in MLX_LSTM and direction in ("forward", "backward"):
        return f"{stem}.{MLX_LSTM[part]}_l0{'_reverse' if direction == 'backward' else ''}"
    if leaf in ("gamma", "beta"):
        return f"{stem}.{'weight' if leaf == 'gamma' else 'bias'}"
    return name


def _folded(weights: Weights) -> Weights:
    """weight = g * v / |v|, with the norm over all axes but the first."""
    folded = {}
    for name, v in weights.items():
        stem, _, leaf = name.rpartition(".weight_")
        if not stem or leaf not in ("g", "v"):
            folded[name] = v
        elif leaf == "v":
            if f"{stem}.weight_g" not in weights:
                raise ModelError(f"no tensor {stem}.weight_g")
            norm = mx.sqrt(mx.sum(v * v, axis=(1, 2), keepdims=True))
            folded[f"{stem}.weight"] = weights[f"{stem}.weight_g"].reshape(-1, 1, 1) * v / norm
    return folded


def _convolutions(weights: Weights, shapes: Shapes) -> Weights:
    """To (taps, in, out), and snakes to one number a channel. Which of two orders of its axes a
    file has, (out, in, taps) or (out, taps, in), is told by the shape wanted."""
    made = {}
    for name, tensor in weights.items():
        if snake := SNAKE.fullmatch(name):
            made[f"{snake[1]}.snake{snake[2]}.{snake[3]}.alpha"] = tensor.reshape(-1)
        elif tensor.ndim != 3:
            made[name] = tensor
        elif UPS.fullmatch(name):  # (in, out, taps)
            out = weights.get(name.replace(".weight", ".bias"), mx.zeros(0)).size
            if tensor.shape[1] == out:
                tensor = tensor.transpose(0, 2, 1)
            made[name] = tensor.reshape(len(tensor), -1)
        else:
            turned = [_product(name, x) for x in (tensor, tensor.transpose(0, 2, 1))]
            made[name] = turned[turned[0].shape != shapes.get(name) == turned[1].shape]
    return made


def _product(name: str, tensor: mx.array) -> mx.array:
    """A convolution in PyTorch's order of axes as nn.conv wants it, and so in memory: a product
    copies a matrix that lies there in another order, each time."""
    if DOUBLE.fullmatch(name):  # (channels, 1, taps)
        return mx.contiguous(tensor[:, 0].T)
    return conv.laid(tensor.transpose(2, 1, 0))


def _lstms(weights: Weights) -> Weights:
    """Both directions of an LSTM in one tensor."""
    made, parts = {}, {}
    for name, tensor in weights.items():
        if match := LSTM.fullmatch(name):
            parts[match[1], match[2], bool(match[3])] = tensor
        else:
            made[name] = tensor
    for stem in sorted({stem for stem, _, _ in parts}):

        def both(kind: str, stem: str = stem) -> mx.array:
            pair = [parts[stem, kind, way] for way in (False, True) if (stem, kind, way) in parts]
            if len({part.shape for part in pair}) * len(pair) != 2:
                raise ModelError(f"no tensors {stem}.{kind}_l0 of both directions")
            return mx.stack(pair)

        made[f"{stem}.weight_input"] = both("weight_ih").transpose(0, 2, 1)
        made[f"{stem}.weight_hidden"] = mx.contiguous(both("weight_hh").transpose(0, 2, 1))
        made[f"{stem}.bias"] = (both("bias_ih") + both("bias_hh"))[:, None]
    return made


def _styles(weights: Weights) -> Weights:
    """With `scale` and `shift` of a norm, s and t, what the style makes of it is
    (1 + a) (s x + t) + b: the same as without them, but with other a and b."""
    made = dict(weights)
    for name in weights:
        match = NORM.fullmatch(name)
        stem = match[1] if match else ""
        if f"{stem}.fc.weight" in weights:
            scale, shift = made.pop(name), made.pop(f"{stem}.norm.bias", mx.zeros(()))
            matrix, bias = weights[f"{stem}.fc.weight"], weights[f"{stem}.fc.bias"]
            both = mx.concatenate([matrix, bias[:, None]], axis=1).reshape(2, len(scale), -1)
            a, b = both[0], both[1]
            one = mx.zeros_like(a)
            one[:, -1] = 1
            scaled = (one + a) * scale[:, None]
            shifted = (one + a) * mx.broadcast_to(shift, scale.shape)[:, None] + b
            both = mx.concatenate([scaled - one, shifted])
            made |= {f"{stem}.fc.weight": both[:, :-1], f"{stem}.fc.bias": both[:, -1]}
    return made


def read(folder: Path, config: Config) -> Network:
    """The network with the weights in a folder. Raises ModelError."""
    network = Network(config)
    shapes = {name: t.shape for name, t in dict(tree_flatten(network.parameters())).items()}
    with subject(str(folder)):
        tensors = sanitize(weights(folder), config.quantization, shapes)
    load(network, tensors, folder)
    return network


def weights(folder: Path) -> Weights:
    """The tensors of a checkpoint: safetensors, or the published .pth."""
    path = _file(folder)
    return read_torch(path) if path.suffix == ".pth" else read_safetensors(path)


def _file(folder: Path) -> Path:
    """Safetensors are preferred."""
    for pattern in ("*.safetensors", "*.pth"):
        if found := sorted(folder.glob(pattern)):
            return found[0]
    raise ModelError(f"{folder}: neither safetensors nor a .pth file")
