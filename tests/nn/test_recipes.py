from typing import Any

import pytest

from mlxtts.errors import UsageError
from mlxtts.nn.quantization import MODES, Packing
from mlxtts.nn.recipes import RECIPES, Manner, Matrix

MATRICES = [
    Matrix("embed", "embedding"),
    Matrix("head", "head"),
    *(Matrix(f"{block}.v", "values", block, 16) for block in range(16)),
    *(Matrix(f"{block}.down", "down", block, 16) for block in range(16)),
    *(Matrix(f"{block}.q", "other", block, 16) for block in range(16)),
]


def test_by_default_as_mlx_does() -> None:
    assert Manner.choose().packing == Packing(64, 4)
    for mode, (sizes, bits) in MODES.items():
        plan = Manner.choose(mode=mode).plan(MATRICES)
        assert set(plan.values()) == {Packing(sizes[0], bits[0], mode)}
        assert len(plan) == len(MATRICES)


def test_a_recipe_favours_the_ends_and_every_third_between() -> None:
    for recipe, (low, high) in RECIPES.items():
        plan = Manner.choose(recipe=recipe, group_size=32).plan(MATRICES)
        blocks = {0, 1, 4, 7, 10, 13, 14, 15}
        favoured = {"head"} | {f"{n}.{part}" for n in blocks for part in ("v", "down")}
        assert {layer for layer in plan if plan[layer] == Packing(32, high)} == favoured
        assert set(plan.values()) == {Packing(32, low), Packing(32, high)}


@pytest.mark.parametrize(
    ("given", "packing"),
    [
        ({"bits": 4, "group_size": 128}, Packing(128, 8)),
        ({"mode": "nvfp4"}, Packing(64, 8)),
        ({"recipe": "mixed_2_6"}, Packing(64, 8)),
    ],
)
def test_the_head_may_have_bits_of_its_own(given: dict[str, Any], packing: Packing) -> None:
    manner = Manner.choose(**given, head_bits=8)
    plan = manner.plan(MATRICES)
    assert [layer for layer in plan if plan[layer] == packing] == ["head"]
    tied = manner.plan(matrix for matrix in MATRICES if matrix.role != "head")
    assert [layer for layer in tied if tied[layer] == packing] == ["embed"]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"bits": 7}, "bits 7: mode affine has 2, 3, 4, 5, 6, 8"),
        ({"bits": 0}, "bits 0: mode affine has"),
        ({"bits": 8, "mode": "mxfp4"}, "bits 8: mode mxfp4 has 4"),
        ({"group_size": 16}, "group_size 16: mode affine has 32, 64, 128"),
        ({"group_size": 64, "mode": "nvfp4"}, "group_size 64: mode nvfp4 has 16"),
        ({"head_bits": 16}, "head_bits 16: mode affine has"),
        ({"mode": "q4_k"}, "mode q4_k: there are affine, mxfp4, nvfp4, mxfp8"),
        ({"recipe": "mixed_1_2"}, "recipe mixed_1_2: there are mixed_2_6"),
        ({"recipe": "mixed_4_6", "bits": 4}, "recipe mixed_4_6: says itself how many bits"),
        ({"recipe": "mixed_4_6", "mode": "mxfp4"}, "in mode affine"),
    ],
)
def test_what_mlx_does_not_have(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        Manner.choose(**given)
