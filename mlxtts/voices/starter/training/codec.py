"""The codec: snac.SNAC at the starter's size, run through fused kernels, its quantiser, and its
seven-code frames.

Knows the architecture and its file layout. The forward pass is SNAC's own except for one thing:
latents and codes have length 1 before they meet. SNAC looks codes up by cosine, so nothing else
holds their scale, and it ran away without. Codes are written with length 1, so snac decodes them
unchanged.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from snac import SNAC
from torch.nn.utils import parametrize

from .kernels import snake, unit
from .pointwise import add_square, product, square
from .rows import Lookup

CONFIG = {
    "sampling_rate": 24000,
    "encoder_dim": 24,
    "encoder_rates": [2, 4, 8, 8],
    "latent_dim": None,
    "decoder_dim": 384,
    "decoder_rates": [8, 8, 4, 2],
    "attn_window_size": None,
    "codebook_size": 1024,
    "codebook_dim": 8,
    "vq_strides": [4, 2, 1],
    "noise": True,
    "depthwise": True,
}
FRAME = 2048  # samples of one frame
SLOTS = 7  # codes of one frame
LEVEL_OF_SLOT = (0, 1, 2, 2, 1, 2, 2)
SPOKEN = re.compile(r"decoder\.|.*\.(codebook|out_proj)\.")  # the tensors that mlxtts decodes with
APART = "training/encoder.safetensors"
"""Beside an exported codec's folder: what speaking does not need, and wheels leave out."""


def build(config=None):
    """A new codec with weight norm, as it is trained."""
    model = SNAC(**(config or CONFIG))
    for quantizer in model.quantizer.quantizers:
        with torch.no_grad():
            quantizer.codebook.weight.copy_(F.normalize(quantizer.codebook.weight, dim=1))
    return model


def fold(model):
    """Remove weight norm for good; the model computes the same."""
    for module in model.modules():
        if parametrize.is_parametrized(module):
            parametrize.remove_parametrizations(module, "weight")
    return model


def folded_state(model):
    """Tensors of ``model`` by the names that they have without weight norm; codes of length 1."""
    state = {k: v.detach() for k, v in model.state_dict().items() if "parametrizations" not in k}
    for name, module in model.named_modules():
        if parametrize.is_parametrized(module):
            state[f"{name}.weight"] = module.weight.detach()
    return {
        k: F.normalize(v, dim=1) if k.endswith("codebook.weight") else v.clone()
        for k, v in state.items()
    }


@torch.no_grad()
def restore(model, folder):
    """Give ``model``, which has weight norm, the weights that ``save`` wrote to ``folder``."""
    state = read(folder)
    for name, module in model.named_modules():
        if parametrize.is_parametrized(module):
            module.weight = state.pop(f"{name}.weight").to(module.weight)
            direction = module.parametrizations.weight.original1
            direction[direction.flatten(1).norm(dim=1) == 0] = 1  # any: its length is 0
    own = model.state_dict()
    for name, value in state.items():
        own[name].copy_(value)


def save(state, config, folder):
    """Write a folded state in half precision, and its configuration, in the layout that mlxtts
    loads.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write(state, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf8")


def save_parts(state, config, voice):
    """The same for an exported ``voice``: what decoding needs in VOICE/codec, the rest APART."""
    spoken = {name: value for name, value in state.items() if SPOKEN.match(name)}
    save(spoken, config, Path(voice) / "codec")
    path = Path(voice) / APART
    path.parent.mkdir(exist_ok=True)
    write({name: value for name, value in state.items() if name not in spoken}, path)


def write(state, path):
    """Write tensors in half precision; others may be reading the file."""
    half = {k: v.half().contiguous().cpu() for k, v in state.items()}
    temporary = path.with_suffix(".new")
    save_file(half, temporary, {"format": "pt"})
    temporary.chmod(0o644)
    temporary.replace(path)


def read(folder):
    """The tensors that ``save`` wrote to ``folder``, and those of its voice that are apart."""
    state, apart = load_file(Path(folder) / "model.safetensors"), Path(folder).parent / APART
    return state | (load_file(apart) if apart.exists() else {})


def load(folder):
    """A folded codec in float32, ready to encode and decode."""
    config = json.loads((Path(folder) / "config.json").read_text(encoding="utf8"))
    model = fold(SNAC(**config))
    model.load_state_dict({k: v.float() for k, v in read(folder).items()})
    return model.eval()


def forward(module, x):
    """SNAC's own forward of an encoder or decoder, through the fused kernels; x (B, C, T)."""
    kind = type(module).__name__
    if kind == "ResidualUnit":
        first, depthwise, second, pointwise = module.block
        dilation = depthwise.dilation[0]
        v, r = unit(
            x, first.alpha, depthwise.weight, depthwise.bias, second.alpha, pointwise.bias, dilation
        )
        return add_square(r, pointwise.weight.squeeze(-1), v)
    if kind == "Snake1d":
        return snake(x, module.alpha)
    if kind == "NoiseBlock":
        noise = torch.randn(x.shape[0], 1, x.shape[2], device=x.device)
        return torch.addcmul(x, noise, square(module.linear.weight.squeeze(-1), x))
    if kind.endswith("Conv1d") and module.kernel_size == (1,):
        return product(module, x)
    if kind in ("EncoderBlock", "DecoderBlock", "Encoder"):
        return forward(module.block, x)
    if kind == "Decoder":
        return forward(module.model, x)
    if isinstance(module, torch.nn.Sequential):
        for child in module:
            x = forward(child, x)
        return x
    return module(x)


@dataclass
class Quantized:
    """What the quantiser makes of latents (B, C, T)."""

    sums: list  # (B, C, T) after each level; the last is what the decoder gets
    codes: list  # int64 (B, T / stride) of each level
    distances: list  # mean squared distance of latents to their codes, by level (gradient: latents)
    book: torch.Tensor  # the sum of the same, its gradient going to the codebooks


def unit_latents(quantizer, residual):
    """Unit-length latents (B, D, T / stride) that a level's codes stand for."""
    if quantizer.stride > 1:
        residual = F.avg_pool1d(residual, quantizer.stride, quantizer.stride)
    return F.normalize(product(quantizer.in_proj, residual), dim=1)


def quantize(model, z):
    """Residual quantisation of z (B, C, T) with straight-through gradients."""
    residual, total = z, 0
    sums, codes, distances, book = [], [], [], 0
    for quantizer in model.quantizer.quantizers:
        latent = unit_latents(quantizer, residual)
        table = F.normalize(quantizer.codebook.weight, dim=1)
        flat = latent.detach().transpose(1, 2).reshape(-1, table.shape[1])
        index = (flat @ table.detach().t()).argmax(1).view(len(z), -1)
        code = Lookup.apply(table, index).transpose(1, 2)
        distances.append((latent - code.detach()).pow(2).sum(1).mean())
        book = book + (code - latent.detach()).pow(2).sum(1).mean()
        out = product(quantizer.out_proj, latent + (code - latent).detach())
        if quantizer.stride > 1:
            out = out.repeat_interleave(quantizer.stride, -1)
        total, residual = total + out, residual - out
        sums.append(total)
        codes.append(index)
    return Quantized(sums, codes, distances, book)


def distance_to(model, z, codes):
    """How far the latents of z (B, C, T) are from given codes, summed over the levels."""
    residual, total = z, 0
    for quantizer, index in zip(model.quantizer.quantizers, codes, strict=True):
        table = F.normalize(quantizer.codebook.weight, dim=1).detach()
        code = F.embedding(index, table).transpose(1, 2)
        total = total + (unit_latents(quantizer, residual) - code).pow(2).sum(1).mean()
        out = product(quantizer.out_proj, code).detach()
        residual = residual - out.repeat_interleave(quantizer.stride, -1)
    return total


@torch.no_grad()
def encode(model, audio):
    """Codes of audio (B, 1, T), T a multiple of 2048: int64 (B, T / 2048, 7)."""
    return interleave(quantize(model, forward(model.encoder, audio)).codes)


@torch.no_grad()
def decode(model, frames):
    """Audio (B, 2048 n) of frames int64 (B, n, 7), by snac's own decoder."""
    return model.decode(deinterleave(frames))[:, 0]


def interleave(codes):
    """Code streams (B, n), (B, 2n), (B, 4n) to frames (B, n, 7) in the order in which they are
    spoken.
    """
    coarse, middle, fine = codes
    order = (
        coarse,
        middle[:, 0::2],
        fine[:, 0::4],
        fine[:, 1::4],
        middle[:, 1::2],
        fine[:, 2::4],
        fine[:, 3::4],
    )
    return torch.stack(order, 2)


def deinterleave(frames):
    """Frames (B, n, 7) to code streams (B, n), (B, 2n), (B, 4n)."""
    batch = len(frames)
    return [
        frames[:, :, 0],
        frames[:, :, [1, 4]].reshape(batch, -1),
        frames[:, :, [2, 3, 5, 6]].reshape(batch, -1),
    ]
