"""Choosing the next code from its logits, on the device. Rows are independent of each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlxtts.errors import UsageError
from mlxtts.nn import mx


@dataclass(frozen=True)
class Sampling:
    """How to choose. The defaults choose from the whole distribution as it is.

    temperature: divides the logits; 0 takes the likeliest.
    top_k: only the likeliest so many; 0 for all.
    top_p: only the likeliest that together have this probability.
    min_p: only those at least so many times as likely as the likeliest.
    repetition_penalty: divides the positive and multiplies the negative logits of what was chosen
        before (Keskar et al., 2019); 1 for none.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0

    def __post_init__(self) -> None:
        for name, fine, limits in (
            ("temperature", 0 <= self.temperature <= 100, "0 to 100"),
            ("top-k", self.top_k >= 0, "0 or more"),
            ("top-p", 0 < self.top_p <= 1, "above 0, to 1"),
            ("min-p", 0 <= self.min_p <= 1, "0 to 1"),
            ("repetition-penalty", 0.1 <= self.repetition_penalty <= 10, "0.1 to 10"),
        ):
            if not fine:
                raise UsageError(f"{name} must be {limits}")


class Settings:
    """The sampling of each row, for `sample` and `penalise`: a number where it is the same for all
    rows, else (B, 1)."""

    def __init__(self, rows: Sequence[Sampling]) -> None:
        self.greedy = all(row.temperature == 0 for row in rows)
        self.temperature = _column([row.temperature or 1.0 for row in rows])
        self.draw = _column([float(row.temperature > 0) for row in rows])
        self.top_k = _column([row.top_k for row in rows])
        self.top_p = _column([row.top_p for row in rows])
        self.min_p = _column([row.min_p for row in rows])
        self.penalty = _column([row.repetition_penalty for row in rows])

    @property
    def penalises(self) -> bool:
        return _used(self.penalty, 1)


def _used(value: float | mx.array, neutral: float) -> bool:
    return isinstance(value, mx.array) or value != neutral


def _column(values: Sequence[float]) -> float | mx.array:
    return values[0] if len(set(values)) == 1 else mx.array([*values])[:, None]


def noise(keys: mx.array, steps: int, size: int) -> mx.array:
    """What `sample` draws with, (B, steps, size). `keys`: (B, 2), see nn.random."""
    draw = mx.vmap(lambda key: mx.random.gumbel((steps, size), key=key))
    return draw(keys)


def sample(logits: mx.array, settings: Settings, noise: mx.array) -> mx.array:
    """Indices, (B,), chosen from (B, N) logits with (B, N) of `noise`."""
    if settings.greedy:
        return mx.argmax(logits, axis=-1)
    logits = truncate(logits.astype(mx.float32) / settings.temperature, settings)
    return mx.argmax(logits + settings.draw * noise, axis=-1)


def truncate(logits: mx.array, settings: Settings) -> mx.array:
    """Minus infinity for what top-k, top-p and min-p, in this order, exclude."""
    size = logits.shape[-1]
    if _used(settings.top_k, 0):
        ascending = mx.sort(logits, axis=-1)
        rank = mx.where(settings.top_k == 0, 0, mx.maximum(size - settings.top_k, 0))
        least = mx.take_along_axis(ascending, mx.broadcast_to(rank, (len(logits), 1)), axis=-1)
        logits = mx.where(logits >= least, logits, -mx.inf)
    if _used(settings.top_p, 1):
        probabilities = mx.softmax(logits, axis=-1)
        ascending = mx.sort(probabilities, axis=-1)
        kept = mx.cumsum(ascending, axis=-1) > 1 - settings.top_p
        least = mx.min(mx.where(kept, ascending, ascending[..., -1:]), axis=-1, keepdims=True)
        logits = mx.where(probabilities >= least, logits, -mx.inf)
    if _used(settings.min_p, 0):
        least = mx.max(logits, axis=-1, keepdims=True) + mx.log(mx.array(settings.min_p))
        logits = mx.where(logits >= least, logits, -mx.inf)
    return logits


def penalise(logits: mx.array, recent: mx.array, settings: Settings) -> mx.array:
    """Make what stands in `recent`, (B, W) indices, less likely; an index beyond the N of the
    (B, N) logits is nothing."""
    batch, width = logits.shape
    seen = mx.zeros((batch, width + 1), dtype=mx.bool_)
    seen = mx.put_along_axis(seen, mx.minimum(recent, width), mx.array(True), axis=-1)[:, :width]
    penalty = settings.penalty
    return mx.where(seen, mx.where(logits > 0, logits / penalty, logits * penalty), logits)
