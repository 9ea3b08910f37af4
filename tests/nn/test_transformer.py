from pathlib import Path

import numpy as np
import pytest

from mlxtts.errors import ModelError
from mlxtts.models.orpheus import Model
from mlxtts.models.orpheus.config import Config, Generation
from mlxtts.nn import loading, mx, rope, transformer
from mlxtts.nn.cache import Cache
from tests import weights

CONFIG = Config.parse(weights.ORPHEUS_SMALL, Path("config.json"), Generation())


def small() -> transformer.Transformer:
    model = Model(CONFIG)
    tensors = {name: mx.array(t) for name, t in weights.llama(weights.LLAMA_SMALL).items()}
    loading.load(
        model, transformer.fuse(transformer.turn(tensors, CONFIG.shape.head_dim)), Path("x")
    )
    return model.model


def run(model: transformer.Transformer, tokens: mx.array, *lengths: int) -> np.ndarray:
    cache = Cache(CONFIG.num_hidden_layers)
    ends = np.cumsum(lengths)
    parts = [
        model(tokens[:, end - length : end], cache)
        for end, length in zip(ends, lengths, strict=True)
    ]
    return np.array(mx.concatenate(parts, axis=1))


TOKENS = mx.array(np.random.default_rng(2).integers(0, 64, (1, 300)))


def test_cached_steps_equal_the_whole_pass() -> None:
    model = small()
    whole = run(model, TOKENS, 300)
    steps = run(model, TOKENS, 20, 1, 1, 7, *[1] * 271)  # beyond the cache's first room
    np.testing.assert_allclose(steps, whole, atol=2e-5)


@pytest.mark.parametrize("cuda", [False, True])
@pytest.mark.parametrize("lengths", [(300,), (20, *[1] * 60), (20, 33, 1, 12)])
def test_the_gpu_forms_compute_the_same(
    monkeypatch: pytest.MonkeyPatch, lengths: tuple[int, ...], cuda: bool
) -> None:
    expected = run(small(), TOKENS, *lengths)
    monkeypatch.setattr(transformer, "on_cpu", lambda: False)
    monkeypatch.setattr(transformer, "on_cuda", lambda: cuda)
    monkeypatch.setattr(rope, "on_cpu", lambda: False)
    np.testing.assert_allclose(run(small(), TOKENS, *lengths), expected, atol=2e-5)


@pytest.mark.parametrize("shape", [(2, 1, 7, 9), (1, 1, 7, 9), (7, 9)])
def test_products_see_what_the_mask_allows(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(3)
    queries, keys, values = (
        mx.array(rng.standard_normal((2, heads, time, 8)), dtype=mx.float32)
        for heads, time in ((6, 7), (2, 9), (2, 9))
    )
    mask = mx.array(rng.random(shape) < 0.6) | (mx.arange(9) == 0)
    expected = transformer.attend(queries, keys, values, mask)
    monkeypatch.setattr(transformer, "on_cpu", lambda: False)
    monkeypatch.setattr(transformer, "on_cuda", lambda: True)
    found = transformer.attend(queries, keys, values, mask)
    np.testing.assert_allclose(np.array(found), np.array(expected), atol=1e-5)


def test_fuse_names_what_is_missing() -> None:
    tensors = {name: mx.array(t) for name, t in weights.llama(weights.LLAMA_SMALL).items()}
    del tensors["model.layers.1.self_attn.v_proj.weight"]
    with pytest.raises(ModelError, match=r"no tensor model\.layers\.1\.self_attn\.v_proj\.weight"):
        transformer.fuse(transformer.turn(tensors, CONFIG.shape.head_dim))
