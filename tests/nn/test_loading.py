import re
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mlxtts.errors import ModelError
from mlxtts.nn import Module, loading, mx, on_cpu
from mlxtts.nn.linear import Linear
from tests.conftest import write_safetensors

TENSORS = {"weight": np.arange(6, dtype=np.float32).reshape(2, 3)}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_safetensors(tmp_path / "model.safetensors", TENSORS)
    return tmp_path / "model.safetensors"


def linear() -> Linear:
    return Linear(3, 2, bias=False)


def test_a_module_gets_its_tensors(file: Path) -> None:
    module = linear()
    loading.load(module, loading.read_safetensors(file), file)
    np.testing.assert_array_equal(np.array(module.weight), TENSORS["weight"])
    np.testing.assert_array_equal(np.array(module(mx.ones((1, 3)))), [[3, 12]])


def test_halves_become_floats_on_a_cpu(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "h.safetensors", {"weight": TENSORS["weight"].astype(np.float16)})
    module = linear()
    loading.load(module, loading.read_safetensors(tmp_path / "h.safetensors"), tmp_path)
    assert module.weight.dtype == mx.float32


def test_shards_are_put_together(tmp_path: Path) -> None:
    for n, name in enumerate(("a", "b")):
        write_safetensors(tmp_path / f"{name}.safetensors", {name: np.full(2, n, np.float32)})
    index = '{"weight_map": {"a": "a.safetensors", "b": "b.safetensors"}}'
    (tmp_path / "model.safetensors.index.json").write_text(index)
    weights = loading.read_checkpoint(tmp_path)
    assert {name: w.tolist() for name, w in weights.items()} == {"a": [0, 0], "b": [1, 1]}


@pytest.mark.parametrize(
    "index", ['{"weight_map": {"a": "../x"}}', '{"weight_map": {"a": 1}}', "{}"]
)
def test_bad_indices(tmp_path: Path, index: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(ModelError, match=r"index\.json: "):
        loading.read_checkpoint(tmp_path)


@pytest.mark.parametrize("name", ["weights.npz", "pytorch_model.bin", "model.pth", "x.gguf"])
def test_only_safetensors_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"anything")
    with pytest.raises(ModelError, match=f"{name}: only safetensors are read"):
        loading.read_checkpoint(tmp_path)
    write_safetensors(tmp_path / "model.safetensors", TENSORS)
    assert loading.read_checkpoint(tmp_path).keys() == TENSORS.keys()


class Stack(Module):
    def __init__(self, count: int, size: int) -> None:
        super().__init__()
        self.layers = [Linear(size, size, bias=False) for _ in range(count)]


@pytest.mark.skipif(
    not (Path("/proc/self/io").exists() and on_cpu()), reason="for a processor under Linux"
)
def test_loading_reads_once_and_keeps_no_second_copy(tmp_path: Path) -> None:
    """Nothing is read before it is needed, and what a tensor was made of goes before the next."""
    names = [f"layers.{n}.weight" for n in range(16)]
    tensors = {name: np.ones((512, 512), np.float16) for name in names}
    write_safetensors(tmp_path / "x.safetensors", tensors)
    module, size = Stack(16, 512), 16 * 512 * 512

    def read() -> int:
        return int(re.search(r"rchar: (\d+)", Path("/proc/self/io").read_text())[1])

    before = read()
    weights = loading.read_safetensors(tmp_path / "x.safetensors")
    assert read() - before < size / 8
    del weights
    held = mx.get_active_memory()
    mx.reset_peak_memory()
    loading.load(module, loading.read_safetensors(tmp_path / "x.safetensors"), tmp_path)
    assert 2 * size <= read() - before < 2.2 * size
    assert 4 * size <= mx.get_peak_memory() - held < 7 * size


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ({}, "no tensor weight"),
        (TENSORS | {"bias": np.zeros(2, np.float32)}, "unknown tensor bias"),
        ({"weight": np.zeros((3, 2), np.float32)}, r"weight has shape \(3, 2\), not \(2, 3\)"),
    ],
)
def test_tensors_that_do_not_fit(
    tmp_path: Path, tensors: dict[str, np.ndarray], reason: str
) -> None:
    write_safetensors(tmp_path / "x.safetensors", tensors)
    with pytest.raises(ModelError, match=reason):
        loading.load(linear(), loading.read_safetensors(tmp_path / "x.safetensors"), tmp_path)


@pytest.mark.parametrize("length", range(0, 200, 7))
def test_every_truncation_is_an_error(file: Path, length: int) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: min(length, len(data) - 1)])
    with pytest.raises(ModelError, match=r"cut short|not a safetensors"):
        loading.read_safetensors(file)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"[]",
        b"{",
        b"[" * 5000,
        b'{"a":1}',
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}',
        b'{"a":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}}',
    ],
)
def test_bad_headers(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 8)
    with pytest.raises(ModelError):
        loading.read_safetensors(path)


def test_random_bytes_are_no_weights(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(np.random.default_rng(0).bytes(1000))
    with pytest.raises(ModelError, match="not a safetensors file, or cut short"):
        loading.read_safetensors(path)


@dataclass(frozen=True)
class Example:
    size: int
    rates: tuple[int, ...] = (1, 2)
    width: int | None = None
    eps: float = 0.5


def test_configurations_know_their_keys() -> None:
    raw = {"size": 3, "rates": [4], "other": {}, "eps": 1}
    assert loading.configure(Example, raw, Path("c")) == Example(3, (4,), None, 1)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({}, "c: no size"),
        ({"size": "3"}, "c: size cannot be '3'"),
        ({"size": True}, "c: size cannot be True"),
        ({"size": 1, "rates": [1, "x"]}, "c: rates cannot be"),
        ({"size": 1, "width": 1.5}, "c: width cannot be 1.5"),
        ({"size": 1, "eps": None}, "c: eps cannot be None"),
    ],
)
def test_bad_configurations(raw: dict[str, object], reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        loading.configure(Example, raw, Path("c"))


@pytest.mark.parametrize("text", ["", "[]", "nonsense", "[" * 100_000])
def test_bad_json(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ModelError, match=r"not JSON|not a JSON object"):
        loading.read_json(tmp_path / "x.json")
