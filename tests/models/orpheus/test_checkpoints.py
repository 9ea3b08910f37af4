"""Every form in which a checkpoint comes, against the same weights in the plain one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlxtts.errors import ModelError, describe
from mlxtts.models.orpheus import Config, Model, load
from mlxtts.models.orpheus.batch import Prompt
from mlxtts.nn import (
    QuantizedEmbedding,
    QuantizedLinear,
    loading,
    mx,
    quantization,
    rope,
    transformer,
    tree_flatten,
)
from mlxtts.nn.cache import Cache
from mlxtts.nn.quantization import Packing
from mlxtts.nn.random import key
from mlxtts.nn.sampling import Sampling
from tests import checkpoints
from tests.checkpoints import Arrays

PROMPT = [7, 3, 60, 21, 5, 44, 9, 13]
FOUR = Packing(64, 4)
EIGHT = Packing(32, 8)
PACKINGS = [
    *(Packing(size, bits) for size in (32, 64, 128) for bits in (4, 8)),
    Packing(64, 3),
    Packing(32, 4, "mxfp4"),
    Packing(16, 4, "nvfp4"),
    Packing(32, 8, "mxfp8"),
]


@pytest.fixture
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The forms of a GPU, computed here: what is quantised stays so."""
    for module in (loading, quantization, rope, transformer):
        monkeypatch.setattr(module, "on_cpu", lambda: False)


def opened(folder: Path) -> Model:
    return load(folder, Config.read(folder))


def outputs(model: Model) -> list[np.ndarray]:
    """Hidden states, and logits of every slot."""
    hidden = model.model(mx.array([PROMPT]), Cache(model.config.num_hidden_layers))[0]
    logits = [model.logits(hidden, slot) for slot in range(7)]
    return [np.array(x.astype(mx.float32)) for x in (hidden, *logits)]


def greedy(model: Model, frames: int = 10) -> list[list[int]]:
    batch = model.batch()
    prompt = Prompt(model, PROMPT, Sampling(temperature=0), key(0))
    batch.read([(prompt, len(PROMPT))])
    batch.join(prompt)
    return [batch.frame().codes.tolist()[0] for _ in range(frames)]


def assert_same(found: Model, expected: Model) -> None:
    for one, other in zip(outputs(found), outputs(expected), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    assert greedy(found) == greedy(expected)


def quantised(model: Model) -> set[str]:
    kinds = QuantizedLinear | QuantizedEmbedding
    return {name for name, module in model.named_modules() if isinstance(module, kinds)}


def pair(
    tmp_path: Path, said: dict[str, Any], choose: Callable[[str], Packing | None], tied: bool = True
) -> tuple[Path, Path]:
    """The folder of a quantised checkpoint, and of a plain one that says the same."""
    packed, plain = checkpoints.quantise(checkpoints.tensors(tied), choose)
    changes = {"tie_word_embeddings": tied}
    return (
        checkpoints.write(tmp_path / "packed", packed, said, **changes),
        checkpoints.write(tmp_path / "plain", plain, **changes),
    )


@pytest.mark.parametrize("packing", PACKINGS, ids=str)
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
def test_a_quantised_checkpoint(tmp_path: Path, packing: Packing, tied: bool) -> None:
    packed, plain = pair(tmp_path, packing.options, lambda _: packing, tied)
    assert_same(opened(packed), opened(plain))
    assert quantised(opened(packed)) == set()


@pytest.mark.parametrize("packing", PACKINGS, ids=str)
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.usefixtures("as_on_a_gpu")
def test_on_a_gpu_it_stays_quantised(tmp_path: Path, packing: Packing, tied: bool) -> None:
    packed, plain = pair(tmp_path, packing.options, lambda _: packing, tied)
    model = opened(packed)
    assert_same(model, opened(plain))
    parts = ("self_attn.qkv_proj", "self_attn.o_proj", "mlp.gate_up_proj", "mlp.down_proj")
    layers = {f"model.layers.{n}.{part}" for n in range(2) for part in parts}
    assert quantised(model) == layers | {"model.embed_tokens"} | (set() if tied else {"lm_head"})
    down = model.model.layers[0].mlp.down_proj
    assert (down.group_size, down.bits, down.mode) == tuple(packing.options.values())


def mixed(layer: str) -> Packing | None:
    """As MLX-LM's recipes mix: matrices that are one here in different forms among them."""
    if layer.endswith(("embed_tokens", "v_proj", "layers.1.mlp.down_proj")):
        return EIGHT
    return None if layer.endswith(("layers.0.mlp.up_proj", "layers.1.self_attn.o_proj")) else FOUR


LAYERS = [name.removesuffix(".weight") for name, t in checkpoints.tensors().items() if t.ndim == 2]
MIXED = FOUR.options | {
    layer: packing.options if (packing := mixed(layer)) else False
    for layer in LAYERS
    if mixed(layer) != FOUR
}


@pytest.mark.parametrize("shards", [1, 3])
def test_layers_quantised_each_in_its_way(tmp_path: Path, shards: int) -> None:
    packed, plain = pair(tmp_path, MIXED, mixed)
    if shards > 1:
        checkpoints.shard(packed, shards)
    assert_same(opened(packed), opened(plain))


@pytest.mark.usefixtures("as_on_a_gpu")
def test_on_a_gpu_only_what_is_fused_of_unlike_parts_is_unpacked(tmp_path: Path) -> None:
    packed, plain = pair(tmp_path, MIXED, mixed)
    model = opened(packed)
    assert_same(model, opened(plain))
    assert quantised(model) == {
        "model.embed_tokens",
        "model.layers.0.self_attn.o_proj",
        "model.layers.0.mlp.down_proj",
        "model.layers.1.mlp.gate_up_proj",
        "model.layers.1.mlp.down_proj",
    }
    assert [layer.mlp.down_proj.bits for layer in model.model.layers] == [4, 8]


def test_a_layer_that_no_override_names_may_be_plain(tmp_path: Path) -> None:
    """MLX-LM leaves a matrix whose rows the group size does not divide as it is, and says so
    nowhere."""
    packed, plain = pair(tmp_path, FOUR.options, lambda layer: FOUR if "mlp" in layer else None)
    assert_same(opened(packed), opened(plain))


@pytest.mark.parametrize("kind", [mx.float32, mx.float16, mx.bfloat16], ids=str)
@pytest.mark.parametrize("packing", [None, FOUR], ids=str)
def test_number_types(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: mx.Dtype, packing: Packing | None
) -> None:
    """On a CPU all become float32; on a GPU they stay."""
    halves = {name: tensor.astype(kind) for name, tensor in checkpoints.tensors().items()}
    packed, plain = checkpoints.quantise(halves, lambda _: packing)
    folder = checkpoints.write(tmp_path / "halves", packed, packing and packing.options)
    wide = {name: tensor.astype(mx.float32) for name, tensor in plain.items()}
    assert_same(opened(folder), opened(checkpoints.write(tmp_path / "wide", wide)))
    monkeypatch.setattr(loading, "on_cpu", lambda: False)
    monkeypatch.setattr(quantization, "on_cpu", lambda: False)
    kinds = {tensor.dtype for _, tensor in tree_flatten(opened(folder).parameters())}
    assert kinds == ({kind, mx.uint32} if packing else {kind})


def test_what_published_checkpoints_have_too_many(tmp_path: Path) -> None:
    unused = {
        "model.layers.0.self_attn.rotary_emb.inv_freq": mx.ones(8),
        "lm_head.weight": mx.zeros((4, 4)),
        "lm_head.scales": mx.zeros((4, 4)),
    }
    plain = checkpoints.write(tmp_path / "plain", checkpoints.tensors())
    more = checkpoints.write(tmp_path / "more", checkpoints.tensors() | unused)
    assert_same(opened(more), opened(plain))


LEAVES = ("weight", "scales", "biases")
Damage = Callable[[Arrays], object]
DOWN = "model.layers.0.mlp.down_proj"
QUERY = "model.layers.1.self_attn.q_proj"


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda t: t.pop(f"{DOWN}.scales"), f"no tensor {DOWN}.scales"),
        (lambda t: t.pop(f"{DOWN}.biases"), f"no tensor {DOWN}.biases"),
        (lambda t: t.pop(f"{DOWN}.weight"), f"no tensor {DOWN}.weight"),
        (lambda t: t.pop(f"{QUERY}.scales"), f"no tensor {QUERY}.scales"),
        (lambda t: t.pop("model.norm.weight"), "no tensor model.norm.weight"),
        (lambda t: [t.pop(f"{QUERY}.{leaf}") for leaf in LEAVES], f"no tensor {QUERY}.weight"),
        (lambda t: t.update({f"{DOWN}.bias": mx.zeros(3)}), f"unknown tensor {DOWN}.bias"),
        (lambda t: t.update({f"{QUERY}.bias": mx.zeros(3)}), f"unknown tensor {QUERY}.bias"),
        (
            lambda t: t.update({f"{DOWN}.scales": mx.zeros((128, 3))}),
            f"tensor {DOWN}.scales has shape (128, 3), not (128, 4)",
        ),
        (
            lambda t: t.update({f"{DOWN}.biases": mx.zeros((128, 3))}),
            f"tensor {DOWN}.biases has shape (128, 3), not (128, 4)",
        ),
        (
            lambda t: t.update({f"{DOWN}.scales": mx.zeros((128, 4), dtype=mx.uint8)}),
            f"tensor {DOWN}.scales cannot be of type mlx.core.uint8",
        ),
        (
            lambda t: t.update({f"{DOWN}.weight": mx.zeros((128, 256))}),
            f"tensor {DOWN}.weight is not packed, but {DOWN}.scales is there",
        ),
        (
            lambda t: t.update({f"{QUERY}.{leaf}": t[f"{QUERY}.{leaf}"][:100] for leaf in LEAVES}),
            f"tensor {QUERY}.weight has shape (100, 128), not (128, 128)",
        ),
        (
            lambda t: t.update({f"{DOWN}.{leaf}": t[f"{DOWN}.{leaf}"][:100] for leaf in LEAVES}),
            f"tensor {DOWN}.weight has shape (100, 256), not (128, 256)",
        ),
    ],
)
def test_damaged_tensors_are_named(tmp_path: Path, damage: Damage, reason: str) -> None:
    packed, _ = checkpoints.quantise(checkpoints.tensors(), lambda _: FOUR)
    damage(packed)
    folder = checkpoints.write(tmp_path / "x", packed, FOUR.options)
    with pytest.raises(ModelError) as error:
        opened(folder)
    assert describe(error.value) == f"{folder}: {reason}"


@pytest.mark.parametrize("said", [None, FOUR.options | {DOWN: False}, EIGHT.options])
def test_tensors_quantised_otherwise_than_said(tmp_path: Path, said: dict[str, Any] | None) -> None:
    packed, _ = checkpoints.quantise(checkpoints.tensors(), lambda _: FOUR)
    with pytest.raises(ModelError, match=r"tensor model\.\S+ (is quantised, but|has shape)"):
        opened(checkpoints.write(tmp_path / "x", packed, said))


def test_biases_that_a_mode_does_not_have(tmp_path: Path) -> None:
    packing = Packing(32, 4, "mxfp4")
    packed, _ = checkpoints.quantise(checkpoints.tensors(), lambda _: packing)
    packed[f"{QUERY}.biases"] = mx.zeros((128, 4))
    with pytest.raises(ModelError, match=rf"unknown tensor {QUERY}\.biases"):
        opened(checkpoints.write(tmp_path / "x", packed, packing.options))


def test_plain_parts_of_a_fused_matrix_are_named_too(tmp_path: Path) -> None:
    broken = checkpoints.tensors() | {f"{QUERY}.weight": mx.zeros((100, 128))}
    with pytest.raises(ModelError) as error:
        opened(checkpoints.write(tmp_path / "x", broken))
    assert f"tensor {QUERY}.weight has shape (100, 128), not (128, 128)" in describe(error.value)
