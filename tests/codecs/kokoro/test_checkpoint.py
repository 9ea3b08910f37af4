"""Layouts of checkpoints, and what is wrong with some."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlxtts.codecs.kokoro import load
from mlxtts.errors import ModelError
from mlxtts.nn import mx, tree_flatten
from tests import kokoro
from tests.kokoro import WEIGHTS, save


def parameters(folder: Path) -> dict[str, mx.array]:
    return dict(tree_flatten(load(folder).network.parameters()))


def mlx_names(name: str) -> str:
    for torch, mlx in (("weight_ih", "Wx"), ("weight_hh", "Wh"), ("bias_ih", "bias_ih"),
                       ("bias_hh", "bias_hh")):  # fmt: skip
        name = name.replace(f".{torch}_l0_reverse", f".{mlx}_backward")
        name = name.replace(f".{torch}_l0", f".{mlx}_forward")
    return name.replace(".gamma", ".weight").replace(".beta", ".bias")


def test_convolutions_and_names_as_mlx_has_them(tmp_path: Path) -> None:
    folder = kokoro.folder(tmp_path / "k")
    wanted = parameters(folder)
    turned = {
        mlx_names(name): t.transpose(0, 2, 1)
        if t.ndim == 3 and not name.endswith(("weight_g",)) and "alpha" not in name
        else t
        for name, t in kokoro.tensors(kokoro.SMALL).items()
    }
    save(folder, turned)
    found = parameters(folder)
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        np.testing.assert_allclose(np.array(found[name]), np.array(tensor), atol=1e-6, err_msg=name)


def test_a_norm_without_a_scale_of_its_own(tmp_path: Path) -> None:
    """It says the same as one whose scale is one and shift zero."""
    folder = kokoro.folder(tmp_path / "k")
    tensors = kokoro.tensors(kokoro.SMALL)
    for name in tensors:
        if ".norm." in name:
            tensors[name] = np.full_like(tensors[name], name.endswith("weight"))
    save(folder, tensors)
    wanted = parameters(folder)
    save(folder, {name: t for name, t in tensors.items() if ".norm." not in name})
    found = parameters(folder)
    for name, tensor in wanted.items():
        np.testing.assert_allclose(np.array(found[name]), np.array(tensor), atol=1e-6)


def test_bfloat16(tmp_path: Path) -> None:
    folder = kokoro.folder(tmp_path / "k")
    arrays = {n: mx.array(t).astype(mx.bfloat16) for n, t in kokoro.tensors(kokoro.SMALL).items()}
    mx.save_safetensors(str(folder / WEIGHTS), arrays)
    assert {tensor.dtype for tensor in parameters(folder).values()} == {mx.float32}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: t.pop("bert_encoder.weight"), r"no tensor bert_encoder\.weight"),
        (lambda t: t.pop("decoder.F0_conv.weight_g"), r"no tensor decoder\.F0_conv\.weight_g"),
        (lambda t: t.pop("predictor.lstm.weight_hh_l0"), "of both directions"),
        (lambda t: t.update(other=np.zeros(3)), "unknown tensor other"),
        (
            lambda t: t.update({"bert_encoder.bias": np.zeros(3)}),
            r"tensor bert_encoder\.bias has shape \(3,\), not \(16,\)",
        ),
    ],
)
def test_what_is_wrong_with_a_checkpoint(tmp_path: Path, change: Any, reason: str) -> None:
    folder = kokoro.folder(tmp_path / "k")
    tensors = kokoro.tensors(kokoro.SMALL)
    change(tensors)
    save(folder, tensors)
    with pytest.raises(ModelError, match=reason):
        load(folder)


def test_no_weights(tmp_path: Path) -> None:
    folder = kokoro.folder(tmp_path / "k")
    (folder / WEIGHTS).unlink()
    with pytest.raises(ModelError, match=r"neither safetensors nor a \.pth file"):
        load(folder)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"plbert": None}, "plbert must be an object"),
        ({"vocab": {"ab": 1}}, "vocab: single symbols with numbers 1 to 177"),
        ({"vocab": {"a": 178}}, "vocab: single symbols"),
        ({"n_token": "x"}, "n_token cannot be 'x'"),
        ({"istftnet": kokoro.FULL["istftnet"] | {"upsample_kernel_sizes": [20, 13]}}, "a variant"),
        ({"istftnet": kokoro.FULL["istftnet"] | {"gen_istft_n_fft": 16}}, "a variant"),
        ({"istftnet": kokoro.FULL["istftnet"] | {"resblock_dilation_sizes": [1]}}, "cannot be"),
    ],
)
def test_what_is_wrong_with_a_configuration(tmp_path: Path, change: Any, reason: str) -> None:
    folder = kokoro.folder(tmp_path / "k")
    (folder / "config.json").write_text(json.dumps(kokoro.SMALL | change))
    with pytest.raises(ModelError, match=reason):
        load(folder)


def test_convolutions_lie_in_memory_as_they_are_multiplied(tmp_path: Path) -> None:
    for name, tensor in parameters(kokoro.folder(tmp_path / "k")).items():
        if tensor.ndim == 3 and ".conv" in name:
            assert np.array(tensor, copy=False).flags.c_contiguous, name
