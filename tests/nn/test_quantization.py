import numpy as np
import pytest

from mlxtts.errors import ModelError
from mlxtts.nn import Embedding, Module, QuantizedEmbedding, QuantizedLinear, mx
from mlxtts.nn.linear import Linear
from mlxtts.nn.quantization import (
    Packed,
    Packing,
    Quantization,
    project,
    stack,
    unpack,
    unpacked,
)

RANDOM = mx.array(np.random.default_rng(0).standard_normal((96, 128), np.float32))


def pack(matrix: mx.array, packing: Packing) -> Packed:
    weight, scales, *biases = mx.quantize(matrix, **packing.options)
    return Packed(packing, weight, scales, biases[0] if biases else None)


def parse(raw: object) -> Quantization:
    return Quantization.parse({"quantization": raw}, "c")


def test_what_a_configuration_says() -> None:
    said = parse(
        {
            "group_size": 32,
            "bits": 8,
            "a.b": {"group_size": 128, "bits": 6},
            "a.c": {"mode": "mxfp4"},
            "a.d": False,
            "a.e": True,
        }
    )
    assert said.of("a.a") == said.of("a.e") == Packing(32, 8)
    assert said.of("a.b") == Packing(128, 6)
    assert said.of("a.c") == Packing(32, 4, "mxfp4")
    assert said.of("a.d") is None
    assert Quantization.parse({}, "c").of("a") is None


def test_the_other_name_of_the_key() -> None:
    raw = {"quantization_config": {"group_size": 32, "bits": 3}}
    assert Quantization.parse(raw, "c").of("a") == Packing(32, 3)


@pytest.mark.parametrize(("mode", "size", "bits"), [("affine", 64, 4), ("nvfp4", 16, 4)])
def test_what_is_not_said_is_as_in_mlx(mode: str, size: int, bits: int) -> None:
    assert parse({"mode": mode}).packing == Packing(size, bits, mode)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("4bit", "c: quantization cannot be '4bit'"),
        ({"mode": "zork"}, "c: quantization: mode cannot be 'zork'"),
        ({"mode": []}, r"c: quantization: mode cannot be \[\]"),
        ({"bits": 7}, "c: quantization: mode affine: bits cannot be 7"),
        ({"bits": "4"}, "c: quantization: mode affine: bits cannot be '4'"),
        ({"bits": True}, "c: quantization: mode affine: bits cannot be True"),
        ({"group_size": 0}, "c: quantization: mode affine: group_size cannot be 0"),
        ({"mode": "mxfp4", "bits": 8}, "c: quantization: mode mxfp4: bits cannot be 8"),
        ({"mode": "nvfp4", "group_size": 32}, "mode nvfp4: group_size cannot be 32"),
        ({"a.b": {"bits": 9}}, r"c: quantization: a\.b: mode affine: bits cannot be 9"),
        ({"a.b": {"mode": "q4_k"}}, r"c: quantization: a\.b: mode cannot be 'q4_k'"),
        ({"quant_method": "awq", "bits": 4}, "c: quantization: only MLX's own quantisation"),
    ],
)
def test_what_mlx_does_not_know(raw: object, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        parse(raw)


@pytest.mark.parametrize("packing", [Packing(64, 4), Packing(32, 3), Packing(32, 8, "mxfp8")])
def test_rows_of_packed_matrices(packing: Packing) -> None:
    """What is done with packed rows is done with the matrix."""
    packed = pack(RANDOM, packing)
    assert packed.shape == RANDOM.shape
    both = stack([packed, packed.map(lambda part: part[::-1])])
    assert isinstance(both, Packed)
    plain = unpacked(packed)
    np.testing.assert_array_equal(
        np.array(both.unpack().astype(mx.float32)),
        np.array(mx.concatenate([plain, plain[::-1]]).astype(mx.float32)),
    )


@pytest.mark.parametrize("other", [None, Packing(64, 8), Packing(32, 4), Packing(32, 4, "mxfp4")])
def test_unlike_parts_are_unpacked(other: Packing | None) -> None:
    parts = [pack(RANDOM, Packing(64, 4)), pack(RANDOM, other) if other else RANDOM]
    stacked = stack(parts)
    assert isinstance(stacked, mx.array)
    whole = mx.concatenate([unpacked(part).astype(mx.float32) for part in parts])
    np.testing.assert_array_equal(np.array(stacked), np.array(whole))


@pytest.mark.parametrize("packing", [Packing(64, 4), Packing(32, 4, "mxfp4")])
@pytest.mark.parametrize("kind", [Linear, Embedding])
def test_some_rows_of_a_product(kind: type, packing: Packing) -> None:
    layer = kind(128, 96) if kind is Linear else kind(96, 128)
    layer.weight = RANDOM
    x = RANDOM[:3]
    expected = x @ RANDOM.T
    np.testing.assert_allclose(np.array(project(x, layer, 5, 70)), expected[:, 5:70], atol=1e-4)
    packed = layer.to_quantized(**packing.options)
    expected = x @ unpacked(pack(RANDOM, packing)).astype(mx.float32).T
    np.testing.assert_allclose(np.array(project(x, packed, 5, 70)), expected[:, 5:70], atol=1e-4)


class Pair(Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = Embedding(96, 128)
        self.layers = [Linear(128, 64, bias=False)]

    def __call__(self, tokens: mx.array) -> mx.array:
        return self.layers[0](self.table(tokens))


def test_wide_batches_unpack_what_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    pair, tokens = Pair(), mx.array([3, 95, 0])
    pair.update_modules(
        {"table": pair.table.to_quantized(64, 8), "layers": [pair.layers[0].to_quantized(32, 4)]}
    )
    expected = pair(tokens)
    size = 2 * (96 * 128 + 128 * 64)
    for memory, kept in ((3 * size, True), (5 * size, False)):
        monkeypatch.setattr(mx, "device_info", lambda memory=memory: {"total_memory": memory})
        unpack(pair)
        assert isinstance(pair.table, QuantizedEmbedding) == kept
        assert isinstance(pair.layers[0], QuantizedLinear) == kept
        np.testing.assert_allclose(pair(tokens), expected, atol=1e-5)
