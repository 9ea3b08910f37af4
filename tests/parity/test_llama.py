"""The language model against transformers' Llama, live, on the same weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlxtts.models.orpheus import Model
from mlxtts.models.orpheus.batch import Prompt
from mlxtts.models.orpheus.config import Config, Generation
from mlxtts.nn import loading, mx
from mlxtts.nn.cache import Cache
from mlxtts.nn.random import key
from mlxtts.nn.sampling import Sampling
from mlxtts.nn.transformer import fuse, turn
from tests import weights
from tests.parity import references

ORPHEUS = weights.LLAMA_SMALL | {
    "hidden_size": 3072,
    "intermediate_size": 8192,
    "num_hidden_layers": 2,
    "num_attention_heads": 24,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 156_940,
    "rope_scaling": weights.LLAMA_SMALL["rope_scaling"]
    | {"original_max_position_embeddings": 8192},
}
"""The published model's shapes, but for the number of layers."""


def build(config: dict[str, Any], tensors: weights.Tensors) -> Model:
    model = Model(Config.parse(config, Path("x"), Generation()))
    arrays = {name: mx.array(tensor) for name, tensor in tensors.items()}
    loading.load(model, fuse(turn(arrays, model.config.shape.head_dim)), Path("x"))
    return model


def run(model: Model, tokens: np.ndarray, *lengths: int) -> np.ndarray:
    cache = Cache(model.config.num_hidden_layers)
    at, parts = 0, []
    for length in lengths:
        parts.append(model.model(mx.array(tokens[None, at : at + length]), cache))
        at += length
    return np.array(mx.concatenate(parts, axis=1))[0]


@pytest.mark.parametrize("lengths", [(120,), (50, *[1] * 70)])
def test_small_hidden_states(lengths: tuple[int, ...]) -> None:
    tensors = weights.llama(weights.LLAMA_SMALL, seed=3)
    tokens = np.random.default_rng(3).integers(0, weights.LLAMA_SMALL["vocab_size"], 120)
    expected, _ = references.llama(weights.LLAMA_SMALL, tensors, tokens)
    found = run(build(weights.ORPHEUS_SMALL, tensors), tokens, *lengths)
    assert np.abs(found - expected).max() < 1e-3


def test_small_greedy_codes() -> None:
    tensors = weights.llama(weights.LLAMA_SMALL)
    prompt = np.arange(20) % 60
    expected, margin = references.greedy_codes(
        weights.LLAMA_SMALL, tensors, prompt, steps=210, offset=64, size=64
    )
    assert margin > 1e-4
    batch = build(weights.ORPHEUS_SMALL, tensors).batch()
    row = Prompt(batch.model, prompt.tolist(), Sampling(temperature=0), key(0))
    batch.read([(row, row.left)])
    batch.join(row)
    found = np.concatenate([np.array(batch.frame().codes[0]) for _ in range(30)]).tolist()
    assert found == expected.tolist()


def test_orpheus_hidden_states_and_logits() -> None:
    tensors = weights.llama(ORPHEUS, seed=4)
    tokens = np.random.default_rng(4).integers(0, ORPHEUS["vocab_size"], 40)
    hidden, logits = references.llama(ORPHEUS, tensors, tokens)
    model = build(ORPHEUS, tensors)
    found = run(model, tokens, 30, *[1] * 10)
    assert np.abs(found - hidden).max() < 1e-3
    for slot in range(7):
        first = 128_266 + 4096 * slot
        sliced = np.array(model.logits(mx.array(found[-1:]), slot))[0]
        assert np.abs(sliced[:4096] - logits[-1, first : first + 4096]).max() < 1e-3
        assert len(sliced) == 4096 + (slot == 0)
    end = np.array(model.logits(mx.array(found[-1:]), 0))[0, -1]
    assert abs(end - logits[-1, 128_258]) < 1e-3
