"""The layouts in which SNAC is published, and the one in which the starter voice is."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mlxtts.codecs.snac.checkpoint import sanitize
from mlxtts.codecs.snac.codec import load
from mlxtts.errors import ModelError
from mlxtts.nn import mx, tree_flatten
from tests import weights

TORCH = weights.snac(weights.SNAC_SMALL)


def arrays(tensors: weights.Tensors) -> dict[str, mx.array]:
    return {name: mx.array(tensor) for name, tensor in tensors.items()}


def mlx_layout() -> weights.Tensors:
    """As in mlx-community's checkpoints: `.layers.` in the names, weight_g and weight_v, taps
    before inputs."""
    tensors = {}
    for name, tensor in TORCH.items():
        name = name.replace(".parametrizations.weight.original0", ".weight_g")
        name = name.replace(".parametrizations.weight.original1", ".weight_v")
        for part in (".model.", ".block."):
            name = name.replace(part, f"{part}layers.")
        turn = tensor.ndim == 3 and not name.endswith("alpha")
        tensors[name] = tensor.transpose(0, 2, 1) if turn else tensor
    return tensors


def folded() -> weights.Tensors:
    """As in the starter voice: without weight norm."""
    tensors = {}
    for name, tensor in TORCH.items():
        stem, _, which = name.partition(".parametrizations.weight.original")
        if which == "1":
            gain = TORCH[f"{stem}.parametrizations.weight.original0"]
            norm = np.sqrt((tensor**2).sum(axis=(1, 2), keepdims=True))
            tensors[f"{stem}.weight"] = gain * tensor / norm
        elif not which:
            tensors[name] = tensor
    return tensors


def old_norm() -> weights.Tensors:
    """As older versions of PyTorch name weight norm."""
    return {
        name.replace(".parametrizations.weight.original", ".weight_")
        .replace("weight_0", "weight_g")
        .replace("weight_1", "weight_v"): tensor
        for name, tensor in TORCH.items()
    }


@pytest.mark.parametrize("layout", [mlx_layout, folded, old_norm])
def test_all_layouts_hold_the_same(layout: object) -> None:
    expected = sanitize(arrays(TORCH))
    found = sanitize(arrays(layout()))  # type: ignore[operator]
    assert found.keys() == expected.keys()
    for name, weight in expected.items():
        np.testing.assert_allclose(np.array(found[name]), np.array(weight), atol=1e-6)


@pytest.mark.parametrize("layout", [lambda: TORCH, mlx_layout, folded])
def test_what_kernels_read_needs_no_copy(layout: Callable[[], weights.Tensors]) -> None:
    """All but matrices of products, in which the order does not matter."""
    for name, weight in sanitize(arrays(layout())).items():
        if weight.ndim == 1 or 7 in weight.shape:
            assert np.asarray(weight).flags.c_contiguous, name


@pytest.mark.parametrize("layout", [lambda: TORCH, mlx_layout, folded])
@pytest.mark.parametrize("kind", [mx.float16, mx.bfloat16], ids=str)
def test_halves_load(tmp_path: Path, layout: Callable[[], weights.Tensors], kind: mx.Dtype) -> None:
    """Weight norm is folded in float32, whatever the file has."""
    halves = {name: tensor.astype(kind) for name, tensor in arrays(layout()).items()}
    mx.save_safetensors(str(tmp_path / "model.safetensors"), halves)
    (tmp_path / "config.json").write_text(json.dumps(weights.SNAC_SMALL))
    expected = sanitize({name: tensor.astype(mx.float32) for name, tensor in halves.items()})
    found = dict(tree_flatten(load(tmp_path).parameters()))
    assert found.keys() == expected.keys()
    for name, weight in expected.items():
        assert found[name].dtype == mx.float32
        np.testing.assert_allclose(np.array(found[name]), np.array(weight), atol=1e-6)


def test_what_decoding_does_not_need_is_left_out() -> None:
    more = {
        "encoder.block.0.weight": np.zeros((4, 1, 7), np.float32),
        "quantizer.quantizers.0.in_proj.weight": np.zeros((8, 64, 1), np.float32),
    }
    assert sanitize(arrays(TORCH | more)).keys() == sanitize(arrays(TORCH)).keys()


def test_a_direction_without_its_length() -> None:
    broken = dict(TORCH)
    del broken["decoder.model.1.parametrizations.weight.original0"]
    with pytest.raises(ModelError, match=r"no tensor decoder\.model\.1\.weight_g"):
        sanitize(arrays(broken))


def test_a_dense_convolution_is_refused() -> None:
    broken = dict(TORCH) | {"decoder.model.0.weight": np.zeros((8, 8, 7), np.float32)}
    with pytest.raises(ModelError, match=r"tensor decoder\.model\.0\.weight: a"):
        sanitize(arrays(broken))
