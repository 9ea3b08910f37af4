import platform
import subprocess
import sys

import numpy as np
import pytest

from mlxtts.nn import mx, stretches
from mlxtts.nn.snake import Snake
from tests.conftest import ROOT

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty steps of five channels."""
    monkeypatch.setattr(stretches, "NUMBERS", 100)


@pytest.mark.parametrize("time", [1, 19, 20, 21, 1000])
def test_stretches_are_all_of_time(time: int) -> None:
    steps = np.arange(time)
    parts = [steps[part] for part in stretches.stretches(time, 5)]
    assert np.array_equal(np.concatenate(parts), steps)
    assert max(map(len, parts)) <= 20


@pytest.mark.parametrize("time", [1, 20, 1001])
def test_moments_of_what_lies_far_from_zero(time: int) -> None:
    x = RNG.standard_normal((time, 5), np.float32) + np.float32(100)
    x[time // 2 :] += np.float32(3)
    mean, variance = stretches.moments(x)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(variance, exact.var(axis=0), rtol=1e-4)


def test_memory_is_that_of_the_array() -> None:
    x = mx.zeros((3, 2))
    stretches.memory(x)[1] = 5
    assert x.tolist() == [[0, 0], [5, 5], [0, 0]]


@pytest.mark.parametrize("cpu", [True, False])
def test_functions_by_either(monkeypatch: pytest.MonkeyPatch, cpu: bool) -> None:
    monkeypatch.setattr(stretches, "on_cpu", lambda: cpu)
    y, x = RNG.standard_normal((2, 3, 8), np.float32)
    halves = [mx.split(mx.array(z), 2, axis=-1)[1] for z in (y, x)]
    found = np.array(stretches.elementwise("arctan2", *halves))
    np.testing.assert_allclose(found, np.arctan2(y, x)[:, 4:], atol=1e-6)


def test_snake_of_what_is_scaled() -> None:
    alpha, gain, shift = RNG.uniform(0.3, 3, (3, 5)).astype(np.float32)
    snake = Snake(5)
    snake.alpha = mx.array(alpha)
    x = RNG.standard_normal((70, 5), np.float32)
    out = np.zeros((70, 5), np.float32)
    snake.scaled(x, gain, shift, out)
    y = (x * gain + shift).astype(np.float64)
    np.testing.assert_allclose(out, y + np.sin(alpha * y) ** 2 / alpha, atol=1e-5)


FAULTS = """
import resource
import numpy as np
import mlxtts.nn.stretches

def compute():
    return [np.ones(size, np.float32) for size in (50_000, 500_000, 50_000)]

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

compute()
before = faults()
for _ in range(100):
    compute()
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc, whose manner it is")
def test_arrays_are_made_of_what_others_left() -> None:
    """Not of pages that the system has to give, 600 a round."""
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, check=True, cwd=ROOT)
    assert int(done.stdout) < 3_000
