import numpy as np

from mlxtts.nn import mx, random


def test_numbers_belong_to_positions() -> None:
    keys = mx.concatenate([random.key(1, "a"), random.key(1, "b")])
    whole = np.array(random.normal_at(keys, -3, 1000))
    parts = [random.normal_at(keys, -3, 400), random.normal_at(keys, 397, 600)]
    np.testing.assert_array_equal(whole, np.array(mx.concatenate(parts, axis=1)))
    alone = np.array(random.normal_at(keys[1:], 50, 100))
    np.testing.assert_array_equal(whole[1:, 53:153], alone)


def test_numbers_are_standard_normal() -> None:
    numbers = np.array(random.normal_at(random.key(0, "x"), 0, 100_000))[0]
    assert abs(numbers.mean()) < 0.02
    assert abs(numbers.std() - 1) < 0.02
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.02


def test_names_and_seeds_make_keys() -> None:
    keys = [random.key(0, "a"), random.key(0, "a", "b"), random.key(0, "ab"), random.key(1, "a")]
    assert len({tuple(key[0].tolist()) for key in keys}) == 4
    assert random.key(-7, "ü").tolist() == random.key(-7, "ü").tolist()
    assert random.fold(keys[0], 3)[0, 1].item() == (keys[0][0, 1].item() + 3) % 2**32
