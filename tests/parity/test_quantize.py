"""What mlxtts.quantize writes, in the hands of MLX-LM and of mlx-audio: bit for bit what MLX-LM
itself makes of the same checkpoint, and both load it and compute with it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mlx_lm", reason="needs mlx-lm (Python 3.11 or newer)")
pytest.importorskip("mlx_audio", reason="needs mlx-audio")

from mlx import nn  # noqa: TID251
from mlx_audio.codec.models.snac import SNAC
from mlx_lm import utils
from mlx_lm.convert import mixed_quant_predicate_builder

from mlxtts import models
from mlxtts.nn import mx, tree_flatten
from mlxtts.nn.loading import read_checkpoint
from mlxtts.nn.recipes import RECIPES, Manner
from mlxtts.quantize import Source
from tests import checkpoints
from tests.conftest import STARTER

MANNERS: list[dict[str, Any]] = [
    {"bits": 8},
    {"bits": 3, "group_size": 32},
    {"bits": 6, "group_size": 128},
    {"mode": "mxfp4"},
    {"mode": "nvfp4"},
    {"mode": "mxfp8"},
    *({"recipe": recipe} for recipe in RECIPES),
]
TOKENS = mx.array([[9, 7, 20, 33, 70, 1100, 2200, 3300, 5, 12]])


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The starter before it was quantised, and a small one with a head of its own and many blocks
    for recipes to tell apart."""
    blocks = {"num_hidden_layers": 17, "tie_word_embeddings": False}
    config = checkpoints.CONFIG | blocks
    tensors = {n: mx.array(t) for n, t in checkpoints.weights.llama(config).items()}
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"][::-1]
    folder = tmp_path_factory.mktemp("untied")
    return {
        "starter": checkpoints.plain_starter(tmp_path_factory.mktemp("starter")),
        "untied": checkpoints.write(folder, tensors, **blocks),
    }


def quantised(source: Path, folder: Path, manner: dict[str, Any]) -> Path:
    folder.mkdir()
    Source(str(source)).write(folder, Manner.choose(**manner))
    return folder


def theirs(source: Path, manner: dict[str, Any]) -> tuple[nn.Module, dict[str, Any]]:
    """The same by MLX-LM."""
    return packed_by_mlx_lm(*utils.load_model(source), manner)


def packed_by_mlx_lm(
    model: nn.Module, config: dict[str, Any], manner: dict[str, Any]
) -> tuple[nn.Module, dict[str, Any]]:
    predicate = None
    if "recipe" in manner:
        predicate = mixed_quant_predicate_builder(manner["recipe"], model)
    return utils.quantize_model(
        model,
        config,
        manner.get("group_size"),
        manner.get("bits"),
        mode=manner.get("mode", "affine"),
        quant_predicate=predicate,
    )


@pytest.mark.parametrize(
    ("name", "manner"),
    [("starter", manner) for manner in MANNERS[:7]]
    + [("untied", manner) for manner in MANNERS[5:]],
    ids=str,
)
def test_the_same_tensors_as_by_mlx_lm(
    sources: dict[str, Path], tmp_path: Path, name: str, manner: dict[str, Any]
) -> None:
    model, _ = theirs(sources[name], manner)
    expected = dict(tree_flatten(model.parameters()))
    found = read_checkpoint(quantised(sources[name], tmp_path / "q", manner))
    assert found.keys() == expected.keys()
    for key, tensor in found.items():
        assert tensor.dtype == expected[key].dtype
        assert mx.array_equal(tensor, expected[key]), key


@pytest.mark.parametrize("manner", MANNERS[2:4] + MANNERS[-1:], ids=str)
def test_the_same_tensors_of_a_quantised_source(
    sources: dict[str, Path], tmp_path: Path, manner: dict[str, Any]
) -> None:
    """As by MLX-LM where it unpacks the model first."""
    eight = quantised(sources["untied"], tmp_path / "eight", {"bits": 8})
    model, config = utils.load_model(eight)
    model, _ = packed_by_mlx_lm(utils.dequantize_model(model), config, manner)
    expected = dict(tree_flatten(model.parameters()))
    found = read_checkpoint(quantised(eight, tmp_path / "q", manner))
    assert found.keys() == expected.keys()
    for key, tensor in found.items():
        assert mx.array_equal(tensor, expected[key]), key


def test_the_same_configuration_as_by_mlx_lm(sources: dict[str, Path], tmp_path: Path) -> None:
    _, config = theirs(sources["starter"], {"bits": 8})
    folder = quantised(sources["starter"], tmp_path / "q", {"bits": 8})
    found = json.loads((folder / "config.json").read_text())
    for key in ("quantization", "quantization_config"):
        assert found[key] == config[key]


def orpheus_of_mlx_audio(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Its module asks the hub for a codec when it is imported, and for a tokenizer later."""
    import importlib

    import transformers

    class Nothing:
        def __init__(self, *_: object, **__: object) -> None: ...

        from_pretrained = classmethod(lambda cls, *_, **__: cls())

        def eval(self) -> Nothing:
            return self

    monkeypatch.setattr(SNAC, "from_pretrained", Nothing.from_pretrained)
    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", Nothing.from_pretrained)
    name = "mlx_audio.tts.models.llama.llama"
    monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module(name)


def by_mlx_lm(folder: Path, _: pytest.MonkeyPatch) -> nn.Module:
    return utils.load_model(folder, strict=True)[0]


def by_mlx_audio(folder: Path, monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    from mlx_audio.tts.utils import load_model

    orpheus_of_mlx_audio(monkeypatch)
    return load_model(folder, model_name_parts=["llama"], strict=True)


def ours(folder: Path) -> np.ndarray:
    """What comes after each of TOKENS: the logits of the codes at slot 0."""
    from mlxtts.nn.cache import Cache

    config = models.find(folder).read_config(folder)
    model = models.find(folder).load(folder, config)
    hidden = model.model(TOKENS, Cache(config.num_hidden_layers))[0]
    return np.array(model.logits(hidden, 0).astype(mx.float32))[:, : config.codebook_size]


@pytest.mark.parametrize("load", [by_mlx_lm, by_mlx_audio])
@pytest.mark.parametrize("manner", [{}, *MANNERS[3:4], *MANNERS[-1:]], ids=str)
def test_they_load_it_and_say_the_same(
    sources: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    load: Callable[[Path, pytest.MonkeyPatch], nn.Module],
    manner: dict[str, Any],
) -> None:
    """The starter as it is, and in other manners."""
    folder = quantised(sources["starter"], tmp_path / "q", manner) if manner else STARTER
    model = load(folder, monkeypatch)
    kinds = {type(module) for _, module in model.named_modules()}
    assert {nn.QuantizedLinear, nn.QuantizedEmbedding} <= kinds
    assert nn.Linear not in kinds
    model.set_dtype(mx.float32)  # as ours computes on a processor
    logits = np.array(model(TOKENS))[0, :, 64 : 64 + 1024]
    assert np.abs(logits - ours(folder)).max() < 1e-3
