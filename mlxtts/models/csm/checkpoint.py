"""A CSM checkpoint: three layouts of the same tensors, and which matrices may be quantised.

transformers' names, with the rows of queries and keys in its order and the codec beside the model;
those of Sesame's package, which is built on torchtune; and mlx-audio's, which are torchtune's
renamed, under `model.`. What quantising writes has the last.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlxtts.models.csm.config import Config
from mlxtts.nn import mx
from mlxtts.nn.quantization import Tensor, gather, plain
from mlxtts.nn.recipes import Matrix
from mlxtts.nn.transformer import check_parts, fuse, turn, unfuse
from mlxtts.nn.transformer import matrices as of_blocks

if TYPE_CHECKING:
    from mlxtts.models.csm.model import Model

STEM = "model."
STACKS = ("backbone", "decoder")
TORCHTUNE = (
    (r"\.attn\.", ".self_attn."),
    (r"\.output_proj\.", ".o_proj."),
    (r"\.w1\.", ".gate_proj."),
    (r"\.w2\.", ".down_proj."),
    (r"\.w3\.", ".up_proj."),
    (r"\.sa_norm\.", ".input_layernorm."),
    (r"\.mlp_norm\.", ".post_attention_layernorm."),
    (r"norm\.scale$", "norm.weight"),
)
TRANSFORMERS = (
    (r"^backbone_model\.embed_tokens\.embed_audio_tokens\.", "audio_embeddings."),
    (r"^backbone_model\.", "backbone."),
    (r"^embed_text_tokens\.", "text_embeddings."),
    (r"^lm_head\.", "codebook0_head."),
    (r"^depth_decoder\.codebooks_head\.weight$", "audio_head"),
    (r"^depth_decoder\.model\.inputs_embeds_projector\.", "projection."),
    (r"^depth_decoder\.model\.", "decoder."),
)
UNUSED = re.compile(
    r"codec_model\..*|.*\.rotary_emb\..*|depth_decoder\.model\.embed_tokens\..*"
    r"|backbone_model\.embed_tokens\.audio_tokens_offsets"
)
"""The codec, tables that are computed here, and the audio embedding a second time."""


def sanitize(weights: dict[str, mx.array], config: Config) -> dict[str, Tensor]:
    """A checkpoint's tensors to this model's."""
    tensors = {
        name.removeprefix(STEM): tensor
        for name, tensor in gather(needed(weights, config), config.quantization).items()
    }
    for stack, shape in zip(STACKS, (config.backbone, config.decoder), strict=True):
        check_parts(tensors, shape, stack)
    return fuse(tensors)


def needed(weights: dict[str, mx.array], config: Config) -> dict[str, mx.array]:
    """The tensors that the model is made of, as mlx-audio has them."""
    theirs = any(name.startswith("backbone_model.") for name in weights)
    kept = {name: tensor for name, tensor in weights.items() if not UNUSED.fullmatch(name)}
    names = {_renamed(name.removeprefix(STEM), theirs): name for name in kept}
    found = {name: kept[old] for name, old in names.items()}
    if theirs:
        found = _turned(found, config)
    return {STEM + name: tensor for name, tensor in found.items()}


def _renamed(name: str, theirs: bool) -> str:
    for pattern, replacement in TRANSFORMERS if theirs else TORCHTUNE:
        name = re.sub(pattern, replacement, name)
    return name


def _turned(tensors: dict[str, mx.array], config: Config) -> dict[str, mx.array]:
    turned: dict[str, Tensor] = {}
    for stack, shape in zip(STACKS, (config.backbone, config.decoder), strict=True):
        own = {name: tensor for name, tensor in tensors.items() if name.startswith(f"{stack}.")}
        turned |= turn(own, shape.head_dim)
    return tensors | turned  # type: ignore[return-value]


def matrices(config: Config) -> list[Matrix]:
    """The matrices that may be quantised, by mlx-audio's names. The heads of all codebooks but the
    first are one array, which MLX does not quantise."""
    ends = [
        Matrix(f"{STEM}text_embeddings", "embedding"),
        Matrix(f"{STEM}audio_embeddings", "embedding"),
        Matrix(f"{STEM}projection"),
        Matrix(f"{STEM}codebook0_head", "head"),
    ]
    backbone = of_blocks(config.backbone, f"{STEM}backbone")
    return ends + backbone + of_blocks(config.decoder, f"{STEM}decoder")


def checkpoint(model: Model) -> dict[str, mx.array]:
    """The tensors of a model as mlx-audio has them, none of them quantised."""
    tensors = plain(model)
    apart: dict[str, mx.array] = {}
    for stack, shape in zip(STACKS, (model.config.backbone, model.config.decoder), strict=True):
        own = {name: tensor for name, tensor in tensors.items() if name.startswith(f"{stack}.")}
        apart |= unfuse(own, shape)
        tensors = {name: tensor for name, tensor in tensors.items() if name not in own}
    return {STEM + name: tensor for name, tensor in (tensors | apart).items()}
