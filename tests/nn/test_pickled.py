"""PyTorch's files, written here by hand, so that no PyTorch is needed."""

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from mlxtts.errors import ModelError
from mlxtts.nn import mx
from mlxtts.nn.pickled import read

STORAGES = {
    "<f4": "FloatStorage",
    "<f2": "HalfStorage",
    "<i8": "LongStorage",
    "<f8": "DoubleStorage",
}


class Named:
    """What a pickle refers to by name."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class Storage:
    def __init__(self, key: str, kind: str, size: int) -> None:
        self.key, self.kind, self.size = key, kind, size


class Tensor:
    def __init__(self, storage: Storage, offset: int, shape: tuple, strides: tuple) -> None:
        self.parts = (storage, offset, shape, strides, False, OrderedDict())


def rebuilt() -> None:
    """Stands for torch._utils._rebuild_tensor_v2 while it is written."""


rebuilt.__module__, rebuilt.__qualname__, rebuilt.__name__ = (
    "torch._utils", "_rebuild_tensor_v2", "_rebuild_tensor_v2",
)  # fmt: skip


class Pickler(pickle._Pickler):  # type: ignore[name-defined,misc]
    dispatch: ClassVar[dict] = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

    def persistent_id(self, value: Any) -> Any:
        if isinstance(value, Storage):
            return ("storage", Named("torch", value.kind), value.key, "cpu", value.size)
        return None

    def save_tensor(self, value: Tensor) -> None:
        self.save_reduce(Named("torch._utils", "_rebuild_tensor_v2"), value.parts)

    def save_named(self, value: Named) -> None:
        self.write(b"c" + f"{value.module}\n{value.name}\n".encode())

    dispatch[Tensor] = save_tensor
    dispatch[Named] = save_named

    def save_reduce(self, func: Any, args: Any, *rest: Any, obj: Any = None, **more: Any) -> None:
        if isinstance(func, Named):
            self.save_named(func)
            self.save(args)
            self.write(pickle.REDUCE)
        else:
            super().save_reduce(func, args, *rest, obj=obj, **more)


def write(path: Path, value: Any, arrays: dict[str, np.ndarray]) -> Path:
    pickled = io.BytesIO()
    Pickler(pickled, 2).dump(value)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", pickled.getvalue())
        for key, array in arrays.items():
            archive.writestr(f"x/data/{key}", array.tobytes())
    return path


def stored(key: str, array: np.ndarray, kind: str | None = None) -> Tensor:
    storage = Storage(key, kind or STORAGES[array.dtype.str], array.size)
    strides = tuple(s // array.itemsize for s in array.strides)
    return Tensor(storage, 0, array.shape, strides)


@pytest.mark.parametrize("kind", STORAGES)
def test_tensors_of_each_type(tmp_path: Path, kind: str) -> None:
    array = np.arange(12).reshape(3, 4).astype(kind)
    path = write(tmp_path / "x.pth", {"a": {"module.b": stored("0", array)}}, {"0": array})
    found = read(path)
    assert [*found] == ["a.module.b"]
    np.testing.assert_array_equal(np.array(found["a.module.b"]), array)


def test_a_view_and_a_tensor_alone(tmp_path: Path) -> None:
    whole = np.arange(24, dtype="<f4").reshape(4, 6)
    view = Tensor(Storage("0", "FloatStorage", 24), 1, (6, 2), (1, 12))
    found = read(write(tmp_path / "x.pt", view, {"0": whole}))
    np.testing.assert_array_equal(np.array(found[""]), np.lib.stride_tricks.as_strided(
        whole.reshape(-1)[1:], (6, 2), (4, 48)
    ))  # fmt: skip


def test_bfloat16(tmp_path: Path) -> None:
    bits = np.array([0x3F80, 0xC000], "<u2")
    value = Tensor(Storage("0", "BFloat16Storage", 2), 0, (2,), (1,))
    found = read(write(tmp_path / "x.pt", value, {"0": bits}))[""]
    assert found.dtype == mx.bfloat16
    assert found.tolist() == [1.0, -2.0]


class Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def test_nothing_is_called(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    for number, value in enumerate(({"a": Evil(trace)}, Evil(trace))):
        with pytest.raises(ModelError, match="which is no tensor"):
            read(write(tmp_path / f"{number}.pth", value, {}))
    assert not trace.exists()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"a": 3}, "something else than tensors"),
        ([1], "something else than tensors"),
        (Named("builtins", "eval"), "builtins.eval"),
        (Named("torch", "load"), "torch.load"),
        (Tensor(Storage("0", "FloatStorage", 2), 0, (9,), (1,)), "larger than its storage"),
        (Tensor(Storage("0", "FloatStorage", 2), -1, (1,), (1,)), "not the shape"),
        (Tensor(Storage("0", "FloatStorage", 2), 0, (1,), (1, 1)), "not a tensor"),
        (Tensor(Storage("9", "FloatStorage", 2), 0, (1,), (1,)), "not a PyTorch file"),
        (Tensor(Storage("0", "ComplexStorage", 2), 0, (1,), (1,)), "torch.ComplexStorage"),
    ],
)
def test_what_is_refused(tmp_path: Path, value: Any, reason: str) -> None:
    path = write(tmp_path / "x.pth", value, {"0": np.zeros(2, "<f4")})
    with pytest.raises(ModelError, match=reason):
        read(path)


def test_other_files(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(b"\x80\x02}q\x00.")
    for wanted in ("not a PyTorch file", "No such file"):
        with pytest.raises(ModelError, match=wanted):
            read(path)
        path.unlink(missing_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", b"garbage")
    with pytest.raises(ModelError):
        read(path)
