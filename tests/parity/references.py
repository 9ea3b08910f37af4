"""The reference implementations, in PyTorch: pip's snac, and transformers' Llama and Mimi."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from snac import SNAC
from snac.layers import NoiseBlock
from transformers import LlamaConfig, LlamaForCausalLM, MimiModel
from transformers.initialization import no_init_weights

Tensors = dict[str, np.ndarray]


def _load(model: torch.nn.Module, tensors: Tensors, absent: tuple[str, ...]) -> None:
    state = {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}
    result = model.load_state_dict(state, strict=False)
    assert not result.unexpected_keys, result.unexpected_keys
    assert all(any(a in key for a in absent) for key in result.missing_keys), result.missing_keys
    model.eval()


def snac_model(config: dict[str, Any], tensors: Tensors) -> SNAC:
    """A SNAC that adds no noise."""
    model = SNAC(**config)
    _load(model, tensors, ("encoder.", ".in_proj."))
    for module in model.modules():
        if isinstance(module, NoiseBlock):
            module.forward = lambda x: x
    return model


@torch.no_grad()
def snac_decode(config: dict[str, Any], tensors: Tensors, codes: list[np.ndarray]) -> np.ndarray:
    """Samples, (n,), of codes by level."""
    model = snac_model(config, tensors)
    return model.decode([torch.from_numpy(level) for level in codes])[0, 0].numpy()


def mimi_model(config: dict[str, Any], tensors: Tensors) -> MimiModel:
    """Loaded from files, for between versions of transformers the names differ in memory only."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(config))
        state = {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}
        save_file(state, Path(folder) / "model.safetensors", {"format": "pt"})
        model, told = MimiModel.from_pretrained(folder, output_loading_info=True)
    assert not told["missing_keys"], told
    assert not told["unexpected_keys"], told
    return model.eval()


@torch.no_grad()
def mimi_decode(model: MimiModel, frames: list[list[int]]) -> np.ndarray:
    """Samples, (n,), of frames of codes."""
    codes = torch.tensor(frames).T[None]
    return model.decode(codes).audio_values[0, 0].numpy()


@torch.no_grad()
def mimi_encode(model: MimiModel, samples: np.ndarray) -> list[list[int]]:
    """Frames of codes."""
    codes = model.encode(torch.from_numpy(samples)[None, None]).audio_codes
    return codes[0].T.tolist()


def llama_model(config: dict[str, Any], tensors: Tensors) -> LlamaForCausalLM:
    known = {key: value for key, value in config.items() if key != "model_type"}
    with no_init_weights():  # which would take longer than all else
        model = LlamaForCausalLM(LlamaConfig(**known, attn_implementation="eager")).float()
    _load(model, tensors, ("lm_head.",))
    model.tie_weights()
    return model


@torch.no_grad()
def llama(config: dict[str, Any], tensors: Tensors, tokens: np.ndarray) -> tuple[Any, Any]:
    """Last hidden states, (T, hidden_size), and logits, (T, vocab_size)."""
    out = llama_model(config, tensors)(
        torch.from_numpy(tokens)[None].long(), output_hidden_states=True
    )
    return out.hidden_states[-1][0].numpy(), out.logits[0].numpy()


@torch.no_grad()
def greedy_codes(
    config: dict[str, Any], tensors: Tensors, prompt: np.ndarray, steps: int, offset: int, size: int
) -> tuple[np.ndarray, float]:
    """The likeliest codes, each among the `size` ids of its slot, and the least distance between
    a choice and its runner-up in logits."""
    model = llama_model(config, tensors)
    tokens = torch.from_numpy(prompt)[None].long()
    past, codes, margin = None, [], np.inf
    for step in range(steps):
        out = model(tokens, past_key_values=past, use_cache=True)
        past = out.past_key_values
        first = offset + step % 7 * size
        best = out.logits[0, -1, first : first + size].topk(2)
        margin = min(margin, float(best.values[0] - best.values[1]))
        codes.append(int(best.indices[0]))
        tokens = torch.tensor([[first + codes[-1]]])
    return np.array(codes), margin
