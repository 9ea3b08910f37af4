from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlxtts.models.orpheus import Model
from mlxtts.models.orpheus.config import Config, Generation
from mlxtts.nn import loading, mx, rope, transformer
from mlxtts.nn.cache import Cache
from tests import weights

RNG = np.random.default_rng(5)


def stack(**changes: Any) -> transformer.Stack:
    raw = weights.LLAMA_SMALL | changes
    config = Config.parse(weights.ORPHEUS_SMALL | changes, Path("config.json"), Generation())
    model = Model(config)
    tensors = {name: mx.array(t) for name, t in weights.llama(raw).items()}
    turned = transformer.turn(tensors, config.shape.head_dim)
    loading.load(model, transformer.fuse(turned), Path("x"))
    return model.model


def inputs(model: transformer.Stack, rows: int, count: int) -> mx.array:
    return mx.array(RNG.standard_normal((rows, count, model.shape.hidden_size), np.float32))


def cache_of(model: transformer.Stack) -> Cache:
    return Cache(model.shape.num_hidden_layers)


def alone(model: transformer.Stack, x: mx.array, *lengths: int) -> np.ndarray:
    """The hidden states of one row, (T, hidden_size), read in such pieces."""
    cache, start, parts = cache_of(model), 0, []
    for length in lengths:
        parts.append(np.array(model.run(x[None, start : start + length], cache))[0])
        start += length
    return np.concatenate(parts)


@pytest.mark.parametrize("heads", [{}, {"num_key_value_heads": 1}, {"num_key_value_heads": 6}])
def test_steps_are_what_mlx_computes(
    monkeypatch: pytest.MonkeyPatch, heads: dict[str, int]
) -> None:
    model = stack(**heads)
    x = inputs(model, 1, 30)[0]
    steps = alone(model, x, 10, *[1] * 20)
    monkeypatch.setattr(transformer, "on_cpu", lambda: False)
    monkeypatch.setattr(rope, "on_cpu", lambda: False)
    np.testing.assert_allclose(steps, alone(model, x, 30), atol=2e-5)


def test_rows_that_began_at_different_times_step_as_if_alone() -> None:
    model, lengths, more = stack(), (5, 17, 9), 300  # beyond the cache's first room
    x = inputs(model, 3, max(lengths) + more)
    batch = Cache(model.shape.num_hidden_layers, rows=0)
    for row, length in enumerate(lengths):
        own = cache_of(model)
        model.run(x[row : row + 1, :length], own)
        batch.append(own, 0, length)
    found = []
    for step in range(more):
        at = [x[row, length + step] for row, length in enumerate(lengths)]
        found.append(np.array(model.run(mx.stack(at)[:, None], batch))[:, 0])
    for row, length in enumerate(lengths):
        wanted = alone(model, x[row, : length + more], length, *[1] * more)[length:]
        np.testing.assert_allclose([rows[row] for rows in found], wanted, atol=2e-5)


def test_a_row_that_leaves_gives_its_place_to_the_last() -> None:
    model = stack()
    x = inputs(model, 2, 8)
    batch = Cache(model.shape.num_hidden_layers, rows=0)
    for row in range(2):
        own = cache_of(model)
        model.run(x[row : row + 1, :6], own)
        batch.append(own, 0, 6)
    model.run(x[:, 6:7], batch)
    batch.remove(0)
    found = np.array(model.run(x[1:, 7:8], batch))[0, 0]
    np.testing.assert_allclose(found, alone(model, x[1], 6, 1, 1)[-1], atol=2e-5)


def test_forks_of_a_cache_go_on_alone() -> None:
    model = stack()
    x = inputs(model, 2, 8)
    x[1, :6] = x[0, :6]
    first = cache_of(model)
    model.run(x[:1, :6], first)
    caches = [first, first.fork()]
    for at in (6, 7):  # in turns
        found = [np.array(model.run(x[n : n + 1, at : at + 1], caches[n]))[0, 0] for n in range(2)]
    for row in range(2):
        np.testing.assert_allclose(found[row], alone(model, x[row], 6, 1, 1)[-1], atol=2e-5)
