"""CSM against transformers', live, on the same weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlxtts.models.csm import Model, load
from mlxtts.models.csm.batch import Prompt
from mlxtts.models.csm.checkpoint import sanitize
from mlxtts.models.csm.config import LLAMA_3, Config
from mlxtts.nn import loading, mx
from mlxtts.nn.cache import Cache
from mlxtts.nn.random import key
from mlxtts.nn.recipes import Manner
from mlxtts.nn.sampling import Sampling
from mlxtts.quantize import Source
from tests import csm
from tests.parity import csm_reference as reference

OURS = {key: csm.SMALL[key] for key in ("codec_config", "prompt_prefix", "prompt_suffix", "voices")}
TEXT = [1, 9, 33, 60, 5, 21, 4]


class Ids:
    """A tokenizer that knows one text."""

    ids = TEXT[1:-1]

    def encode(self, text: str, add_special_tokens: bool) -> Ids:
        assert not add_special_tokens
        return self


def build(config: dict[str, Any], tensors: csm.Tensors) -> Model:
    model = Model(Config.parse(config, Path("x")), Ids())  # type: ignore[arg-type]
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


def test_mlx_audio_loads_what_is_quantised(tmp_path: Path) -> None:
    from mlx import nn  # noqa: TID251
    from mlx_audio.tts.models.sesame.sesame import SesameModel

    wide = csm.SMALL | {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
    wide["rope_parameters"] = LLAMA_3 | {"rope_theta": 500_000.0}  # mlx-audio takes it for granted
    wide["depth_decoder_config"] = wide["depth_decoder_config"] | {"backbone_hidden_size": 64}
    source = csm.folder(tmp_path / "plain", reference.configuration(wide) | OURS)
    target = tmp_path / "packed"
    target.mkdir()
    Source(str(source)).write(target, Manner.choose(8, 32))
    config = json.loads((target / "config.json").read_text())
    theirs = SesameModel(config)
    tensors = mx.load(str(target / "model.safetensors"))
    named = {name.removeprefix("model."): tensor for name, tensor in tensors.items()}  # type: ignore[union-attr]
    nn.quantize(theirs, 32, 8, class_predicate=lambda path, _: f"{path}.scales" in named)
    theirs.load_weights([*named.items()], strict=True)
    model = load(target, Config.read(target))
    text = mx.array([TEXT])
    expected = theirs.codebook0_head(theirs.backbone(theirs.text_embeddings(text)))
    found = model.first_logits(model.backbone.run(model.text_embeddings(text), Cache(2)))
    np.testing.assert_allclose(found, expected, atol=2e-3)
