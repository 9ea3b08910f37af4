"""What config.json says of a Llama, in Hugging Face's words; models are made of one or of two."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlxtts.errors import ModelError
from mlxtts.nn.loading import configure
from mlxtts.nn.rope import Llama3Scaling
from mlxtts.nn.transformer import Shape


@dataclass(frozen=True)
class Llama:
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    rms_norm_eps: float = 1e-5
    rope_theta: float = 500_000.0
    rope_scaling: Llama3Scaling | None = None
    head_dim: int | None = None
    max_position_embeddings: int = 131_072
    hidden_act: str = "silu"
    attention_bias: bool = False
    mlp_bias: bool = False

    @property
    def shape(self) -> Shape:
        return Shape(
            hidden_size=self.hidden_size,
            num_hidden_layers=self.num_hidden_layers,
            intermediate_size=self.intermediate_size,
            num_attention_heads=self.num_attention_heads,
            num_key_value_heads=self.num_key_value_heads,
            head_dim=self.head_dim or self.hidden_size // self.num_attention_heads,
            rms_norm_eps=self.rms_norm_eps,
            rope_theta=self.rope_theta,
            rope_scaling=self.rope_scaling,
            max_position_embeddings=self.max_position_embeddings,
        )

    def check(self, source: Path) -> None:
        """Raises ModelError for a variant that is not implemented."""
        if self.hidden_act != "silu" or self.attention_bias or self.mlp_bias:
            raise ModelError(f"{source}: a Llama with biases or another activation than SiLU")


def read(raw: dict[str, Any], source: Path) -> Llama:
    """A Llama that is part of something. Raises ModelError."""
    llama = configure(Llama, rotary(raw, source), source)
    llama.check(source)
    return llama


def rotary(raw: dict[str, Any], source: Path) -> dict[str, Any]:
    """A configuration with its rotary positions in the form of `Llama`; transformers has had two.
    Raises ModelError for a kind that is not implemented."""
    rope = raw.get("rope_scaling") or raw.get("rope_parameters") or {}
    if not isinstance(rope, dict):
        raise ModelError(f"{source}: rope_scaling cannot be {rope!r}")
    theta = {"rope_theta": rope["rope_theta"]} if "rope_theta" in rope else {}
    return theta | raw | {"rope_scaling": _scaling(rope, source)}


def _scaling(rope: dict[str, Any], source: Path) -> Llama3Scaling | None:
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind == "default":
        return None
    if kind != "llama3":
        raise ModelError(f"{source}: rope type {kind!r} is not implemented")
    return configure(Llama3Scaling, rope, source)
