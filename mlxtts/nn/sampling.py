"""Choosing the next code from its logits, on the device. Rows are independent of each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from mlxtts.errors import OptionError
from mlxtts.nn import mx, on_cpu

LEAST = 1e-6  # temperature that is not 0, and top-p: less is nothing to the device's floats
FLOAT_BITS = 30  # of floats from 0 to 1: the others are 0
SEARCHED, FEW = 6, 16  # bits found at a time, and in how many rows; in more rows half as many


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
            ("top_k", self.top_k >= 0, "0 or more"),
            ("top_p", 0 < self.top_p <= 1, "above 0, to 1"),
            ("min_p", 0 <= self.min_p <= 1, "0 to 1"),
            ("repetition_penalty", 0.1 <= self.repetition_penalty <= 10, "0.1 to 10"),
        ):
            if not fine:
                raise OptionError(name, f"must be {limits}")
        if self.temperature < LEAST:
            object.__setattr__(self, "temperature", 0.0)
        object.__setattr__(self, "top_p", max(self.top_p, LEAST))


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
        self._rows = rows

    @cached_property
    def table(self) -> mx.array | None:
        """As nn.cuda wants them, (B, 5); None if there is a top-k among them."""
        if _used(self.top_k, 0):
            return None
        return mx.array(
            [
                (x.temperature or 1, x.temperature > 0, x.top_p, x.min_p, x.repetition_penalty)
                for x in self._rows
            ]
        )

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
    find = sorted_least if on_cpu() else searched_least
    if _used(settings.top_k, 0):
        size = logits.shape[-1]
        count = mx.where(settings.top_k == 0, size, mx.array(settings.top_k))
        probabilities = mx.softmax(logits, axis=-1)
        kept = probabilities >= find(probabilities, mx.ones(logits.shape), count)
        logits = mx.where(kept, logits, -mx.inf)
    if _used(settings.top_p, 1):
        probabilities = mx.softmax(logits, axis=-1)
        kept = probabilities >= find(probabilities, probabilities, mx.array(settings.top_p))
        logits = mx.where(kept, logits, -mx.inf)
    if _used(settings.min_p, 0):
        least = mx.max(logits, axis=-1, keepdims=True) + mx.log(mx.array(settings.min_p))
        logits = mx.where(logits >= least, logits, -mx.inf)
    return logits


def sorted_least(values: mx.array, weights: mx.array, enough: mx.array) -> mx.array:
    """The least of (B, N) values from 0 to 1 above which the weights sum to less than `enough`, a
    number or (B, 1): the likeliest are taken until there is enough. (B, 1)."""
    order = mx.argsort(-values, axis=-1)
    descending = mx.take_along_axis(values, order, axis=-1)
    above = mx.cumsum(mx.take_along_axis(weights, order, axis=-1), axis=-1, inclusive=False)
    return mx.min(mx.where(above < enough, descending, 1), axis=-1, keepdims=True)


def searched_least(values: mx.array, weights: mx.array, enough: mx.array) -> mx.array:
    """`sorted_least` for a GPU, which is slow to sort: the bits of such floats are ordered as they
    are, and some of them are found at a time, from the highest."""
    bits, weights, enough = values.view(mx.int32)[:, None], weights[:, None], enough[..., None]
    digit = SEARCHED if len(values) <= FEW else SEARCHED // 2
    digits = mx.arange(2**digit)[:, None]
    below = mx.zeros((len(values), 1, 1), dtype=mx.int32)
    for place in range(FLOAT_BITS - digit, -1, -digit):
        tried = below + (digits << place)
        above = mx.sum(mx.where(bits > tried, weights, 0), axis=-1, keepdims=True)
        found = mx.sum(above >= enough, axis=1, keepdims=True) - 1
        below = below + (mx.maximum(found, 0) << place)
    return (below + 1).view(mx.float32)[:, 0]


def penalise(logits: mx.array, recent: mx.array, settings: Settings) -> mx.array:
    """Make what stands in `recent`, (B, W) indices, less likely; an index beyond the N of the
    (B, N) logits is nothing."""
    batch, width = logits.shape
    seen = mx.zeros((batch, width + 1), dtype=mx.bool_)
    seen = mx.put_along_axis(seen, mx.minimum(recent, width), mx.array(True), axis=-1)[:, :width]
    penalty = settings.penalty
    return mx.where(seen, mx.where(logits > 0, logits / penalty, logits * penalty), logits)
