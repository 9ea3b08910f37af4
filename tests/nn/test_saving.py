import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxtts.nn import loading, mx, saving

SHAPES = st.lists(st.integers(0, 4), max_size=3).map(tuple)
TENSORS = st.dictionaries(
    st.text("abc._", min_size=1, max_size=4),
    st.tuples(SHAPES, st.sampled_from(list(saving.NAMES))),
    min_size=1,
    max_size=6,
)


def counting(shape: tuple[int, ...], kind: mx.Dtype) -> mx.array:
    return mx.arange(int(np.prod(shape))).reshape(shape).astype(kind)


def same(found: dict[str, mx.array], expected: dict[str, mx.array]) -> bool:
    return found.keys() == expected.keys() and all(
        tensor.dtype == found[name].dtype
        and tensor.shape == found[name].shape
        and mx.array_equal(tensor, found[name])
        for name, tensor in expected.items()
    )


@given(forms=TENSORS)
def test_mlx_reads_what_is_written(
    tmp_path_factory: pytest.TempPathFactory, forms: dict[str, Any]
) -> None:
    path = tmp_path_factory.mktemp("x") / "x.safetensors"
    tensors = {name: counting(*form) for name, form in forms.items()}
    given = dict(tensors)
    saving.write_safetensors(path, given)
    assert given == {}
    assert same(mx.load(str(path)), tensors)
    assert struct.unpack("<Q", path.read_bytes()[:8])[0] % 8 == 0


def test_rows_in_another_order(tmp_path: Path) -> None:
    tensor = mx.arange(6).reshape(2, 3)
    tensors = {"turned": tensor.T, "part": tensor[:, 1:], "one": mx.array(3.5)}
    saving.write_safetensors(tmp_path / "x.safetensors", dict(tensors))
    assert same(mx.load(str(tmp_path / "x.safetensors")), tensors)


def test_shards(tmp_path: Path) -> None:
    tensors = {name: mx.full((10,), float(n)) for n, name in enumerate("abcde")}
    tensors["c"] = mx.zeros((100,))
    expected = dict(tensors)
    assert saving.write_checkpoint(tmp_path, tensors, limit=90) == 560
    files = [f"model-0000{n}-of-00003.safetensors" for n in (1, 2, 3)]
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert index == {
        "metadata": {"total_size": 560},
        "weight_map": {
            "a": files[0],
            "b": files[0],
            "c": files[1],
            "d": files[2],
            "e": files[2],
        },
    }
    assert sorted(path.name for path in tmp_path.glob("*.safetensors")) == files
    assert same(loading.read_checkpoint(tmp_path), expected)


def test_one_file_has_no_index(tmp_path: Path) -> None:
    saving.write_checkpoint(tmp_path, {"a": mx.zeros((3,))})
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


def test_no_more_than_a_tensor_is_in_memory(tmp_path: Path) -> None:
    size = 4 * 512 * 512
    tensors = {f"{n}": mx.full((512, 512), float(n)) * 2 for n in range(16)}
    held = mx.get_active_memory()
    mx.reset_peak_memory()
    saving.write_checkpoint(tmp_path, tensors, limit=4 * size)
    assert mx.get_peak_memory() - held < 5 * size
