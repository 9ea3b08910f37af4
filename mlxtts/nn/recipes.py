"""Which matrix is packed how: all alike, or by a recipe that gives more bits to those whose
rounding is heard most.

Recipes have the names and the meaning of MLX-LM's, which takes its choice of layers from llama.cpp.
What a matrix does, its model says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from mlxtts.errors import OptionError
from mlxtts.nn.quantization import MODES, Packing

RECIPES = {"mixed_2_6": (2, 6), "mixed_3_4": (3, 4), "mixed_3_6": (3, 6), "mixed_4_6": (4, 6)}
"""Bits of most matrices, and of those that a recipe favours."""
AFFINE = "affine"


@dataclass(frozen=True)
class Matrix:
    """One that may be quantised. `layer`: its name in the checkpoint, without `.weight`. `role`:
    what it does, where that matters. `block` of `blocks`: how deep it is."""

    layer: str
    role: Literal["embedding", "head", "values", "down", "other"] = "other"
    block: int = 0
    blocks: int = 1

    @property
    def favoured(self) -> bool:
        """Whether a recipe gives it more bits: the head, and what comes out of attention and of the
        MLP in the first and the last eighth of the blocks, and in every third between."""
        if self.role not in ("values", "down"):
            return self.role == "head"
        eighth = self.blocks // 8
        return (
            self.block < eighth
            or self.block >= 7 * self.blocks // 8
            or (self.block - eighth) % 3 == 2
        )


@dataclass(frozen=True)
class Manner:
    """How to pack a model: `packing` for most matrices, `favoured` for those that a recipe favours,
    `head` for the one that gives the logits."""

    packing: Packing
    favoured: Packing
    head: Packing | None = None

    @classmethod
    def choose(
        cls,
        bits: int | None = None,
        group_size: int | None = None,
        mode: str = AFFINE,
        recipe: str | None = None,
        head_bits: int | None = None,
    ) -> Manner:
        """By default what MLX takes for the mode. Raises UsageError for what it does not have, and
        for bits beside a recipe, which has its own."""
        if recipe is not None:
            if recipe not in RECIPES:
                raise OptionError("recipe", f"there are {', '.join(RECIPES)}", recipe)
            if mode != AFFINE or bits is not None:
                raise OptionError("recipe", f"says itself how many bits, in mode {AFFINE}", recipe)
            bits = RECIPES[recipe][0]
        packing = _packing(mode, group_size, bits, "bits")
        head = None
        if head_bits is not None:
            same = packing.group_size if mode == AFFINE else None
            head = _packing(AFFINE, same, head_bits, "head_bits")
        favoured = replace(packing, bits=RECIPES[recipe][1]) if recipe else packing
        return cls(packing, favoured, head)

    def plan(self, matrices: Iterable[Matrix]) -> dict[str, Packing]:
        """The packing of each layer."""
        matrices = list(matrices)
        plan = {m.layer: self.favoured if m.favoured else self.packing for m in matrices}
        if self.head:
            heads = [m for m in matrices if m.role == "head"]
            tied = [m for m in matrices if m.role == "embedding"]
            plan |= {m.layer: self.head for m in heads or tied}
        return plan


def _packing(mode: str, group_size: int | None, bits: int | None, option: str) -> Packing:
    if mode not in MODES:
        raise OptionError("mode", f"there are {', '.join(MODES)}", mode)
    group_sizes, choices = MODES[mode]
    return Packing(
        _known(group_size, group_sizes, mode, "group_size"),
        _known(bits, choices, mode, option),
        mode,
    )


def _known(value: int | None, choices: tuple[int, ...], mode: str, option: str) -> int:
    if value is not None and value not in choices:
        some = ", ".join(map(str, sorted(choices)))
        raise OptionError(option, f"mode {mode} has {some}", value)
    return value or choices[0]
