"""What transformers' CSM computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import CsmConfig, CsmForConditionalGeneration

from tests.weights import Tensors

TINY_CODEC = {
    "model_type": "mimi",
    "hidden_size": 16,
    "num_filters": 2,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "intermediate_size": 16,
    "codebook_dim": 8,
    "codebook_size": 16,
    "upsample_groups": 16,
    "vector_quantization_hidden_dimension": 8,
}
"""It is not used."""


def configuration(config: dict[str, Any]) -> dict[str, Any]:
    """As transformers writes it."""
    written: dict[str, Any] = CsmConfig(**config | {"codec_config": TINY_CODEC}).to_dict()
    return written


def model(config: dict[str, Any], tensors: Tensors) -> CsmForConditionalGeneration:
    found = CsmForConditionalGeneration(CsmConfig(**config | {"codec_config": TINY_CODEC})).eval()
    state = {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}
    missing, extra = found.load_state_dict(state, strict=False)
    assert not extra
    for name in missing:
        assert name.startswith("codec_model.") or name == "depth_decoder.model.embed_tokens.weight"
    found.tie_weights()
    return found


@torch.no_grad()
def expectations(
    config: dict[str, Any], tensors: Tensors, text: Sequence[int], frames: np.ndarray
) -> list[np.ndarray]:
    """See models.Model."""
    csm, spoken = model(config, tensors), torch.from_numpy(frames)
    words = csm.embed_text_tokens(torch.tensor([[*text]]))
    sound = csm.backbone_model.embed_tokens(spoken[None])
    hidden = csm.backbone_model(inputs_embeds=torch.cat([words, sound], 1)).last_hidden_state
    hidden = hidden[0, len(text) - 1 :]
    first = csm.lm_head(hidden)
    inputs = torch.nn.functional.pad(spoken[:, :-1], (1, 0))
    deep = csm.depth_decoder(input_ids=inputs, backbone_last_hidden_state=hidden[:-1]).logits
    parts = (first, deep.reshape(-1, deep.shape[-1]))
    return [torch.log_softmax(x, -1).numpy() for x in parts]


@torch.no_grad()
def greedy_frames(
    config: dict[str, Any], tensors: Tensors, text: Sequence[int], count: int
) -> np.ndarray:
    """The likeliest frames, (count, num_codebooks)."""
    csm = model(config, tensors)
    x, frames = csm.embed_text_tokens(torch.tensor([[*text]])), []
    for _ in range(count):
        hidden = csm.backbone_model(inputs_embeds=x).last_hidden_state[:, -1]
        codes = [csm.lm_head(hidden).argmax(-1)]
        for _ in range(1, config["num_codebooks"]):
            inputs = torch.stack([torch.zeros_like(codes[0]), *codes], 1)
            logits = csm.depth_decoder(
                input_ids=inputs, backbone_last_hidden_state=hidden.clone()
            ).logits
            codes.append(logits[:, -1].argmax(-1))
        frames.append(torch.stack(codes, 1))
        x = torch.cat([x, csm.backbone_model.embed_tokens(frames[-1][:, None])], 1)
    return torch.cat(frames).numpy()
