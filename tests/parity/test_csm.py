"""CSM against transformers', live, on the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlxtts.models.csm import Model
from mlxtts.models.csm.batch import Prompt
from mlxtts.models.csm.checkpoint import sanitize
from mlxtts.models.csm.config import Config, Generation
from mlxtts.nn import loading, mx
from mlxtts.nn.random import key
from mlxtts.nn.sampling import Sampling
from tests import csm
from tests.parity import csm_reference as reference

TEXT = [1, 9, 33, 60, 5, 21, 4]


class Ids:
    """A tokenizer that knows one text."""

    ids = TEXT[1:-1]

    def encode(self, text: str, add_special_tokens: bool) -> Ids:
        assert not add_special_tokens
        return self


def build(config: dict[str, Any], tensors: csm.Tensors) -> Model:
    model = Model(Config.parse(config, Path("x"), Generation()), Ids())  # type: ignore[arg-type]
    arrays = {name: mx.array(tensor) for name, tensor in tensors.items()}
    loading.load(model, sanitize(arrays, model.config), Path("x"))
    return model


@pytest.mark.parametrize("config", [csm.SMALL, csm.REAL], ids=["small", "real"])
def test_logits(config: dict[str, Any]) -> None:
    tensors = csm.tensors(config, seed=2)
    frames = np.random.default_rng(2).integers(
        0, config["vocab_size"], (9, config["num_codebooks"])
    )
    expected = reference.expectations(config, tensors, TEXT, frames)
    found = build(config, tensors).expectations("", "0", frames.tolist())
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        assert np.abs(np.array(ours) - theirs).max() < 2e-3


def test_greedy_frames() -> None:
    tensors = csm.tensors(csm.SMALL)
    expected = reference.greedy_frames(csm.SMALL, tensors, TEXT, 40)
    model = build(csm.SMALL, tensors)
    batch = model.batch()
    row = Prompt(model, TEXT, Sampling(temperature=0), key(0))
    batch.read([(row, row.left)])
    batch.join(row)
    found = [batch.frame().codes.tolist()[0] for _ in range(40)]  # type: ignore[index]
    assert found == expected.tolist()
