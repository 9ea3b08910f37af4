"""Kernels for CUDA through NVIDIA's own compiler, which needs no GPU; what they compute is held
elsewhere (tests/nn)."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlxtts.codecs.kokoro import load
from mlxtts.nn import cuda, mx
from mlxtts.nn.cuda import alone, compiler, kernels
from mlxtts.nn.quantization import Packing
from tests import kokoro, weights
from tests.codecs.kokoro import test_cuda_path
from tests.codecs.snac.test_codec import KEY, build, decode
from tests.codecs.snac.test_cuda import as_on_cuda

pytest.importorskip("nvidia.cu13", reason="needs nvidia-cuda-nvrtc, CUDA's compiler")
TYPES = [mx.float32, mx.float16, mx.bfloat16]
ELF = b"\x7fELF"
SNAC = {"residual", "snake", "overlap", "collapse"}
LANGUAGE = {"place", "turn", "attend", "attend_packed", "copy_row", "pack_row"}
LANGUAGE |= {"add_rms_norm", "gate", "choose", "recur"}
LANGUAGE |= {"multiply_place", "multiply_gate", "multiply_add"}
Compiled = dict[str, bytes]


@pytest.fixture(params=["sm_80", "sm_90", "sm_120"])
def code(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Compiled]:
    """By their files' names, kernels that were called; they compute zeros."""
    spec = find_spec("nvidia.cu13")
    assert spec
    assert spec.submodule_search_locations
    (folder,) = spec.submodule_search_locations
    monkeypatch.setattr(compiler, "LIBRARIES", [f"{folder}/lib/libnvrtc.so.13"])
    compiler._library.cache_clear()
    found: Compiled = {}

    def call(
        *,
        name: str,
        compiled_source: bytes,
        output_shapes: Sequence[tuple[int, ...]],
        output_dtypes: Sequence[mx.Dtype],
        **_: Any,
    ) -> list[mx.array]:
        assert compiled_source.startswith(ELF)
        assert name.encode() in compiled_source
        found[name.rpartition("_")[0]] = compiled_source
        kinds = zip(output_shapes, output_dtypes, strict=True)
        return [mx.zeros(shape, dtype=kind) for shape, kind in kinds]

    monkeypatch.setattr(mx.fast, "precompiled_cuda_kernel", call)
    monkeypatch.setattr(kernels, "_architecture", lambda: request.param)
    kernels._machine_code.cache_clear()
    yield found
    kernels._machine_code.cache_clear()
    compiler._library.cache_clear()


@pytest.mark.parametrize("kind", TYPES)
def test_of_language_models(code: Compiled, kind: mx.Dtype) -> None:
    rows, columns, heads, groups, dim = 3, 16, 6, 2, 64
    shape, positions = (rows, 2 * groups, columns, dim), mx.zeros(rows, dtype=mx.int32)
    whole = mx.zeros(shape, dtype=kind), mx.zeros(1)
    packed = mx.zeros(shape, dtype=mx.int8), mx.zeros(shape[:3])
    qkv = mx.zeros((rows, (heads + 2 * groups) * dim), dtype=kind)
    for held in (whole, packed):
        queries = cuda.place(qkv, held, positions, mx.zeros(dim // 2), heads)
        assert cuda.attend(queries, held, positions).shape == queries.shape
        cuda.copy_row([held[0]], 0, [held[0]], 1, 5)
    for packing in (None, Packing(64, 4), Packing(32, 8)):
        weight = mx.zeros((640, 256), dtype=kind)
        parts = mx.quantize(weight, **packing.options) if packing else [weight]
        names = ("weight", "scales", "biases")
        matrix = alone.matrix(dict(zip(names, parts, strict=False)))
        row, norm, eps = qkv[:1, :256], qkv[0, :256], mx.zeros(1)
        assert alone.fits(matrix, packing, kind)
        alone.multiply_place(row, norm, eps, matrix, packing, whole, positions, mx.zeros(dim // 2))
        alone.multiply_gate(row, norm, eps, matrix, packing)
        alone.multiply_add(row, matrix, packing, qkv[:1])
    cuda.turn(qkv[None], mx.zeros(dim // 2), heads, dim)
    cuda.pack_row([whole[0]], 0, [packed], 1, 5)
    cuda.add_rms_norm(qkv, qkv, qkv[0], mx.zeros(1))
    cuda.gate(qkv)
    said, noise = mx.zeros((rows, 4, 7), dtype=mx.int32), mx.zeros((rows, 7, 4097))
    cuda.choose(mx.zeros((rows, 4096), dtype=kind), mx.zeros((rows, 5)), noise, said, 0)
    cuda.recur(mx.zeros((2, rows, 9, 128)), mx.zeros((2, 32, 128)), mx.zeros(rows, dtype=mx.int32))
    assert {*code} == LANGUAGE


def test_of_snac(code: Compiled) -> None:
    codec = build(weights.SNAC_SMALL)
    with as_on_cuda(SimpleNamespace(kernel=kernels.kernel)):  # type: ignore[arg-type]
        decode(codec.stream(KEY), [[[0] * 7] * 3])
    assert {*code} == SNAC


@pytest.mark.usefixtures("uncompiled")
def test_of_kokoro(code: Compiled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = kokoro.folder(tmp_path / "k")
    test_cuda_path.as_on_cuda(monkeypatch)
    test_cuda_path.spoken(load(folder), ["A", "A."])
    files = {path.stem for path in Path(kernels.__file__).parent.glob("*.cu")}
    assert {*code} == files - LANGUAGE - SNAC - {"shared", "types"}


uncompiled = test_cuda_path.uncompiled


def test_what_the_compiler_says(code: Compiled) -> None:
    with pytest.raises(RuntimeError, match='identifier "nobody" is undefined'):
        compiler.compiled("__global__ void f(int* x) { *x = nobody; }", "sm_90")
    assert not code
    assert ctypes.CDLL(compiler.LIBRARIES[0])
