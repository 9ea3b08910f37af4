"""The kernels for CUDA, compiled for a CPU and run thread by thread, against what they should
compute, in numpy."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from mlxtts.nn import mx
from mlxtts.nn.cuda.kernels import constants
from tests.conftest import needs
from tests.nn import doubles
from tests.nn.kernels import built, numbers, run, shape

pytestmark = needs("g++")
PLACE = "f qkv, f held, i held_shape, f scales, i positions, f rates, F queries"
ATTEND = "f queries, f held, i held_shape, i positions, F attended"
ATTEND_PACKED = "f queries, b held, i held_shape, f scales, i positions, F attended"
KERNELS = {
    "place": (PLACE, "H=6, K=2, D=64"),
    "place.8": (PLACE.replace("f held", "b held"), "H=6, K=2, D=64"),
    "turn": ("f qkv, i qkv_shape, f rates, F queries, F held", "H=6, K=2, D=64"),
    "add_rms_norm": ("f x, f y, f weight, f eps, F sum, F normal", "N=1000, THREADS=64"),
    "gate": ("f both, F gated", "N=72"),
    "attend": (ATTEND, "H=6, K=2, D=64, W=2"),
    "attend.wide": (ATTEND, "H=2, K=2, D=128, W=1"),
    "attend.many": (ATTEND, "H=6, K=2, D=64, W=16"),
    "attend_packed": (ATTEND_PACKED, "H=6, K=2, D=64, W=2"),
    "attend_packed.wide": (ATTEND_PACKED, "H=8, K=2, D=128, W=1"),
    "attend_packed.alone": (ATTEND_PACKED, "H=2, K=2, D=128, W=16"),
    "copy_row": (
        "f source, i source_shape, f held, i held_shape, i numbers, I done",
        "R=4, D=64",
    ),
    "pack_row": (
        "f source, i source_shape, b held, i held_shape, f scales, i numbers, I done",
        "R=4, D=64",
    ),
    "choose": (
        "f logits, f settings, f noise, i said, i slot, I chosen",
        "N=1000, M=9, S=3, L=1001",
    ),
    "recur": ("f inputs, i inputs_shape, f weights, i lengths, F states", "H=32, P=4"),
}


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return built(KERNELS, tmp_path_factory.mktemp("kernels"))


def test_constants_are_not_in_the_hosts_memory() -> None:
    """Where MLX keeps what is no larger than 8 bytes."""
    few, many = constants(1e-5), constants(*range(9), kind=mx.int32)
    assert few.nbytes > 8
    assert few[0].item() == np.float32(1e-5)
    assert many.tolist() == [*range(9)]
    assert many.dtype == mx.int32


POSITIONS = np.array([0, 1, 31, 15, 8, 29], dtype=np.int32)


def rates() -> doubles.Numbers:
    return (1 / 10000 ** (np.arange(32) / 32)).astype(np.float32)


def test_place(kernels: ctypes.CDLL) -> None:
    qkv, held = numbers(6, 10 * 64), numbers(7, 4, 32, 64)
    expected = held.copy()
    queries, found = doubles.placed(qkv, expected, POSITIONS, rates(), 6), np.zeros((6, 384), "f")
    more = shape(held), np.zeros(1, "f"), POSITIONS, rates(), found
    run(kernels.place, (10, 6), 32, qkv, held, *more)
    np.testing.assert_allclose(found, queries, atol=1e-5)
    np.testing.assert_allclose(held, expected, atol=1e-5)


def test_place_in_8_bits(kernels: ctypes.CDLL) -> None:
    qkv, whole = numbers(6, 10 * 64), numbers(7, 4, 32, 64)
    qkv[2, 6 * 64 : 7 * 64] = 0  # a key of nothing
    held, scales = doubles.packed(whole)
    before = held.copy()
    queries, found = doubles.placed(qkv, whole, POSITIONS, rates(), 6), np.zeros((6, 384), "f")
    run(kernels.place_8, (10, 6), 32, qkv, held, shape(held), scales, POSITIONS, rates(), found)
    np.testing.assert_allclose(found, queries, atol=1e-5)
    wanted, _ = doubles.packed(whole)
    rows = range(6)
    np.testing.assert_allclose(held[rows, :, POSITIONS], wanted[rows, :, POSITIONS], atol=1)
    there = scales[rows, :, POSITIONS][..., None] * held[rows, :, POSITIONS]
    np.testing.assert_allclose(there, whole[rows, :, POSITIONS], atol=0.02)
    assert scales[2, 0, POSITIONS[2]] == 1
    held[rows, :, POSITIONS] = before[rows, :, POSITIONS]
    np.testing.assert_array_equal(held, before)


def test_turn(kernels: ctypes.CDLL) -> None:
    qkv = numbers(2, 5, 10 * 64)
    queries, held = np.zeros((2, 6, 5, 64), "f"), np.zeros((2, 4, 5, 64), "f")
    run(kernels.turn, (10, 10), 32, qkv, shape(qkv), rates(), queries, held)
    expected = doubles.turned(qkv, rates(), 6, 64)
    np.testing.assert_allclose(queries, expected[0], atol=1e-5)
    np.testing.assert_allclose(held, expected[1], atol=1e-5)


def test_add_rms_norm(kernels: ctypes.CDLL) -> None:
    given = numbers(3, 1000), numbers(4, 1000)[:3], numbers(1000), np.array([1e-5], "f")
    total, normal = np.zeros((3, 1000), "f"), np.zeros((3, 1000), "f")
    run(kernels.add_rms_norm, (3, 1), 64, *given, total, normal)
    expected = doubles.added(*given)
    np.testing.assert_array_equal(total, expected[0])
    np.testing.assert_allclose(normal, expected[1], rtol=1e-5)


def test_gate(kernels: ctypes.CDLL) -> None:
    both, found = numbers(3, 144), np.zeros((3, 72), "f")
    run(kernels.gate, (1, 3), 256, both, found)
    np.testing.assert_allclose(found, doubles.gated(both), rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "heads", "dim", "warps"),
    [("attend", 6, 64, 2), ("attend_wide", 2, 128, 1), ("attend_many", 6, 64, 16)],
)
def test_attend(kernels: ctypes.CDLL, name: str, heads: int, dim: int, warps: int) -> None:
    queries, held = numbers(6, heads * dim), numbers(7, 4, 32, dim)
    found = np.zeros_like(queries)
    held[0, :, 1:] = np.nan  # what a row has not been given is not looked at
    more = shape(held), POSITIONS, found
    run(getattr(kernels, name.replace(".", "_")), (2, 6), 32 * warps, queries, held, *more)
    np.testing.assert_allclose(found, doubles.attended(queries, held, POSITIONS), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "heads", "dim", "warps"),
    [
        ("attend_packed", 6, 64, 2),
        ("attend_packed_wide", 8, 128, 1),
        ("attend_packed_alone", 2, 128, 16),
    ],
)
def test_attend_in_8_bits(
    kernels: ctypes.CDLL, name: str, heads: int, dim: int, warps: int
) -> None:
    positions = np.array([0, 1, 152, 63, 64, 97], dtype=np.int32)
    queries, (held, scales) = numbers(6, heads * dim), doubles.packed(numbers(7, 4, 160, dim))
    queries[3] *= 9  # of one position nearly all weight
    queries[4] = 0
    scales[1] *= 1e-6
    scales[5, :, ::3] *= 100
    found = np.zeros_like(queries)
    whole = held * scales[..., None]
    scales[0, :, 1:], held[0, :, 1:] = np.nan, 99
    run(
        getattr(kernels, name),
        (2, 6),
        32 * warps,
        queries,
        held,
        shape(held),
        scales,
        positions,
        found,
    )
    expected = doubles.attended(queries, whole, positions)
    errors = np.abs(found - expected).max(1) / np.abs(expected).max(1)
    assert errors.max() < 1e-3


def test_pack_row(kernels: ctypes.CDLL) -> None:
    source, done = numbers(3, 4, 48, 64), np.zeros(1, "i")
    held, scales = doubles.packed(numbers(5, 4, 40, 64))
    expected, expected_scales = held.copy(), scales.copy()
    row, its = doubles.packed(source[2, :, :37])
    expected[3, :, :37], expected_scales[3, :, :37] = row, its
    asked = np.array([2, 3], dtype=np.int32)
    run(
        kernels.pack_row, (37, 4), 64, source, shape(source), held, shape(held), scales, asked, done
    )
    np.testing.assert_allclose(held, expected, atol=1)
    np.testing.assert_allclose(scales, expected_scales, rtol=1e-6)
    assert done[0] == 1


def test_copy_row(kernels: ctypes.CDLL) -> None:
    source, held, done = numbers(3, 4, 48, 64), numbers(5, 4, 40, 64), np.zeros(1, "i")
    expected = held.copy()
    expected[3, :, :37] = source[2, :, :37]
    asked = np.array([2, 3, 37], dtype=np.int32)
    run(kernels.copy_row, (2, 4), 256, source, shape(source), held, shape(held), asked, done)
    np.testing.assert_array_equal(held, expected)
    assert done[0] == 1


def test_choose(kernels: ctypes.CDLL) -> None:
    rng = np.random.default_rng(5)
    rows = [
        [temperature, draw, top_p, min_p, penalty]
        for temperature in (0.6, 1.3)
        for draw in (0, 1)
        for top_p in (0.05, 0.8, 1)
        for min_p in (0, 0.1)
        for penalty in (1, 1.4)
    ]
    settings = np.array(rows, dtype=np.float32)
    logits, noise = 3 * numbers(len(rows), 1000), rng.gumbel(size=(len(rows), 3, 1001)).astype("f")
    said = rng.integers(0, 1002, (len(rows), 9, 3)).astype(np.int32)
    said[:, 0, 2] = logits.argmax(axis=1)  # so that a penalty matters
    found, slot = np.zeros(len(rows), "i"), np.array([2], "i")
    run(kernels.choose, (len(rows), 1), 256, logits, settings, noise, said, slot, found)
    assert found.tolist() == doubles.chosen(logits, settings, noise, said, 2).tolist()
    likeliest = (settings[:, 1] == 0) & (settings[:, 4] == 1)
    assert found[likeliest].tolist() == logits[likeliest].argmax(axis=1).tolist()


def test_recur(kernels: ctypes.CDLL) -> None:
    inputs, weights = numbers(2, 3, 9, 128), numbers(2, 32, 128)
    lengths, found = np.array([9, 1, 6], dtype=np.int32), np.full((3, 9, 64), np.nan, "f")
    run(kernels.recur, (2, 3), 128, inputs, shape(inputs), weights, lengths, found)
    np.testing.assert_allclose(found, doubles.recurred(inputs, weights, lengths), atol=1e-5)
