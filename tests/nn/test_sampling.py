import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxtts.errors import UsageError
from mlxtts.nn import mx
from mlxtts.nn.random import fold, key
from mlxtts.nn.sampling import (
    Sampling,
    Settings,
    noise,
    penalise,
    sample,
    searched_least,
    sorted_least,
    truncate,
)

LOGITS = mx.array(np.log([[0.5, 0.05, 0.3, 0.15], [0.1, 0.2, 0.3, 0.4]]).astype(np.float32))


def kept(sampling: Sampling) -> list[list[int]]:
    allowed = np.isfinite(np.array(truncate(LOGITS, Settings([sampling]))))
    return [np.flatnonzero(row).tolist() for row in allowed]


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        (Sampling(), [[0, 1, 2, 3], [0, 1, 2, 3]]),
        (Sampling(top_k=1), [[0], [3]]),
        (Sampling(top_k=3), [[0, 2, 3], [1, 2, 3]]),
        (Sampling(top_k=9), [[0, 1, 2, 3], [0, 1, 2, 3]]),
        (Sampling(top_p=0.45), [[0], [2, 3]]),
        (Sampling(top_p=0.79), [[0, 2], [1, 2, 3]]),
        (Sampling(top_p=0.96), [[0, 1, 2, 3], [0, 1, 2, 3]]),
        (Sampling(top_p=1e-9), [[0], [3]]),
        (Sampling(min_p=0.31), [[0, 2], [1, 2, 3]]),
        (Sampling(top_k=3, top_p=0.8), [[0, 2], [1, 2, 3]]),
    ],
)
def test_truncation(sampling: Sampling, expected: list[list[int]]) -> None:
    assert kept(sampling) == expected


@given(
    st.integers(1, 3),
    st.lists(st.integers(0, 40), min_size=2, max_size=30).filter(any),
    st.floats(0.01, 0.99),
)
def test_what_is_kept_is_found_without_a_sort_too(rows: int, counts: list[int], p: float) -> None:
    """Whatever is equal, and whatever is nothing."""
    values = mx.array([counts[n:] + counts[:n] for n in range(rows)]) / sum(counts)
    values = mx.concatenate([values] * (6 if rows == 3 else 1))  # few rows, or many
    for weights, enough in ((values, p), (mx.ones(values.shape), 1 + int(p * len(counts)))):
        expected = sorted_least(values, weights, mx.array(enough))
        found = searched_least(values, weights, mx.array(enough))
        kept, wanted = values >= found, values >= mx.maximum(expected, 1e-30)
        assert kept.tolist() == wanted.tolist()


def test_rows_are_searched_for_what_is_enough_for_each() -> None:
    values = mx.softmax(mx.random.normal((20, 300), key=mx.random.key(1)), axis=-1)
    enough = mx.linspace(0.05, 0.95, 20)[:, None]
    found = searched_least(values, values, enough)
    assert found.tolist() == sorted_least(values, values, enough).tolist()
    assert len({mx.sum(row).item() for row in values >= found}) > 15


def test_zero_temperature_takes_the_likeliest() -> None:
    assert sample(LOGITS, Settings([Sampling(temperature=0)]), mx.zeros((2, 4))).tolist() == [0, 3]


@pytest.mark.parametrize("sampling", [Sampling(temperature=1e-39), Sampling(top_p=1e-46)])
def test_next_to_nothing_takes_the_likeliest(sampling: Sampling) -> None:
    noise = mx.array([[0.0, 5.0, 0.0, 0.0]] * 2)
    assert sample(LOGITS, Settings([sampling]), noise).tolist() == [0, 3]


def test_draws_follow_the_distribution() -> None:
    keys = key(3, "draws") + mx.arange(20_000).astype(mx.uint32)[:, None] * mx.array(
        [0, 1], dtype=mx.uint32
    )
    rows = mx.broadcast_to(LOGITS[:1], (20_000, 4))
    draws = noise(keys, 2, 4)[:, 1]
    drawn = np.bincount(
        np.array(sample(rows, Settings([Sampling(temperature=0.7)]), draws)), minlength=4
    )
    wanted = np.array([0.5, 0.05, 0.3, 0.15]) ** (1 / 0.7)
    np.testing.assert_allclose(drawn / 20_000, wanted / wanted.sum(), atol=0.015)


def test_a_row_draws_alone_what_it_draws_in_a_batch() -> None:
    keys = mx.concatenate([key(0, "a"), key(0, "b")])
    for step in range(20):
        step_keys = fold(keys, step)
        both = noise(step_keys, 7, 4)
        alone = [noise(step_keys[n : n + 1], 7, 4) for n in (0, 1)]
        assert both.tolist() == mx.concatenate(alone).tolist()


def test_penalty_falls_on_what_was_said() -> None:
    logits = mx.array([[2.0, -2.0, 1.0, 3.0]])
    recent = mx.array([[0, 1, 4, 4, 1]])
    assert penalise(logits, recent, Settings([Sampling(repetition_penalty=2.0)])).tolist() == [
        [1.0, -4.0, 1.0, 3.0]
    ]


ROWS = [
    Sampling(),
    Sampling(temperature=0, top_p=0.5),
    Sampling(temperature=0.3, top_k=2),
    Sampling(top_p=0.7, min_p=0.01),
    Sampling(min_p=0.5, repetition_penalty=1.5),
]


def test_rows_with_settings_of_their_own_are_what_they_are_alone() -> None:
    rng = np.random.default_rng(0)
    logits = mx.array(rng.normal(0, 2, (len(ROWS), 40)).astype(np.float32))
    recent = mx.array(rng.integers(0, 41, (len(ROWS), 9)))
    draws = noise(mx.concatenate([key(n) for n in range(len(ROWS))]), 1, 40)[:, 0]
    together = Settings(ROWS)
    penalised = penalise(logits, recent, together)
    truncated = truncate(logits, together)
    chosen = sample(logits, together, draws).tolist()
    for n, sampling in enumerate(ROWS):
        row, alone = slice(n, n + 1), Settings([sampling])
        assert penalised[row].tolist() == penalise(logits[row], recent[row], alone).tolist()
        assert truncated[row].tolist() == truncate(logits[row], alone).tolist()
        assert chosen[row] == sample(logits[row], alone, draws[row]).tolist()


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -1},
        {"temperature": float("nan")},
        {"top_k": -1},
        {"top_p": 0},
        {"top_p": 1.1},
        {"min_p": -0.1},
        {"repetition_penalty": 0},
    ],
)
def test_settings_out_of_range(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=f"^{next(iter(wrong))}: must be"):
        Sampling(**wrong)  # type: ignore[arg-type]
