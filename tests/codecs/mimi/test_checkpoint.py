"""The layouts in which Mimi is published, and what is wrong with others."""

from pathlib import Path

import numpy as np
import pytest

from mlxtts.codecs.mimi.checkpoint import sanitize
from mlxtts.codecs.mimi.codec import Codec, load
from mlxtts.errors import ModelError
from mlxtts.nn import mx, tree_flatten
from tests import mimi, weights
from tests.conftest import write_safetensors

RAW = weights.MIMI_SMALL
TENSORS = weights.mimi(RAW)
CONFIG = mimi.configuration(RAW)
Q = "decoder_transformer.layers.1.self_attn.q_proj.weight"
SCALE = "decoder_transformer.layers.2.mlp_layer_scale.scale"
BOOK = "quantizer.acoustic_residual_vector_quantizer.layers.2.codebook"


def parameters(codec: Codec) -> dict[str, mx.array]:
    return dict(tree_flatten(codec.parameters()))


@pytest.mark.parametrize("half", ["decoder", "encoder"])
def test_both_layouts_hold_the_same(half: str) -> None:
    expected = sanitize(mimi.arrays(TENSORS), CONFIG, half)
    moshi = mimi.moshi(TENSORS, RAW)
    assert "decoder_transformer.transformer.layers.0.self_attn.in_proj_weight" in moshi
    assert not {*moshi} & {*TENSORS}
    found = sanitize(mimi.arrays(moshi), CONFIG, half)
    assert found.keys() == expected.keys()
    for name, weight in expected.items():
        np.testing.assert_array_equal(np.array(found[name]), np.array(weight))


@pytest.mark.parametrize("kind", [mx.float16, mx.bfloat16], ids=str)
def test_halves_load(tmp_path: Path, kind: mx.Dtype) -> None:
    halves = {name: tensor.astype(kind) for name, tensor in mimi.arrays(TENSORS).items()}
    mimi.write(tmp_path, RAW, {})
    mx.save_safetensors(str(tmp_path / "model.safetensors"), halves)
    wide = {name: tensor.astype(mx.float32) for name, tensor in halves.items()}
    expected = sanitize(wide, CONFIG)
    for name, tensor in parameters(load(tmp_path)).items():
        assert tensor.dtype == mx.float32
        np.testing.assert_array_equal(np.array(tensor), np.array(expected[name]))


def test_moshis_file_is_of_the_published_size(tmp_path: Path) -> None:
    """It has no config.json of its own; one that is there is Moshi's, and so are other weights."""
    write_safetensors(tmp_path / "tokenizer-1-checkpoint1.safetensors", mimi.moshi(TENSORS, RAW))
    reason = r"codebook\.cluster_usage has shape \(32,\), not \(2048,\)"
    for other in (None, '{"model_type": "moshi"}'):
        if other:
            (tmp_path / "config.json").write_text(other)
            write_safetensors(tmp_path / "model.safetensors", {})
        with pytest.raises(ModelError, match=reason):
            load(tmp_path)
    mimi.write(tmp_path, RAW, TENSORS)
    assert load(tmp_path).frame_samples == 80


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({Q: None}, f"no tensor {Q}"),
        ({Q: np.zeros((8, 32), np.float32)}, rf"tensor {Q} has shape \(8, 32\), not \(32, 32\)"),
        ({SCALE: None}, f"no tensor {SCALE}"),
        ({f"{BOOK}.embed_sum": None}, f"no tensor {BOOK}.embed_sum"),
        ({f"{BOOK}.cluster_usage": np.ones(3, np.float32)}, r"has shape \(3,\), not \(32,\)"),
        ({BOOK.replace("2", "3") + ".embed_sum": np.zeros((32, 12))}, "unknown tensor quantizer"),
        ({"decoder.layers.0.conv.bias": None}, r"no tensor decoder\.layers\.0\.conv\.bias"),
        ({"decoder.layers.0.conv.weight": np.zeros((7, 3))}, r"decoder\.layers\.0\.conv\.weight"),
        ({"decoder.layers.9.conv.weight": np.zeros((7, 3))}, "unknown tensor decoder"),
        ({"upsample.conv.weight": np.zeros((32, 1, 3), np.float32)}, "upsample.conv.weight has"),
    ],
)
def test_what_does_not_fit_is_named(
    tmp_path: Path, change: dict[str, np.ndarray | None], reason: str
) -> None:
    changed = TENSORS | change
    tensors = {name: t.astype(np.float32) for name, t in changed.items() if t is not None}
    with pytest.raises(ModelError, match=reason):
        load(mimi.write(tmp_path, RAW, tensors))
