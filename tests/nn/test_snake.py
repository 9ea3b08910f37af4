from collections.abc import Iterator

import numpy as np
import pytest

from mlxtts.nn import mx, snake


@pytest.fixture
def uncompiled() -> Iterator[None]:
    """Compiling for a CPU needs a compiler."""
    mx.disable_compile()
    yield
    mx.enable_compile()


@pytest.mark.parametrize("cpu", [True, False])
@pytest.mark.usefixtures("uncompiled")
def test_snake(monkeypatch: pytest.MonkeyPatch, cpu: bool) -> None:
    monkeypatch.setattr(snake, "on_cpu", lambda: cpu)
    module = snake.Snake(5)
    alpha = np.array([0.1, 0.5, 1.0, 3.0, 10.0])
    module.alpha = mx.array(alpha.astype(np.float32))
    x = np.linspace(-8, 8, 4001)[:, None].repeat(5, axis=1)
    expected = x + np.sin(alpha * x) ** 2 / alpha
    y = np.array(module(mx.array(x.astype(np.float32))))
    assert np.max(np.abs(y - expected) * alpha) < 3e-5  # the float32 phase of 80 is within 8e-6
    near = np.abs(alpha * x) < np.pi / 2
    assert np.max(np.abs(y - expected)[near] * np.broadcast_to(alpha, x.shape)[near]) < 2e-6


def test_zero_stays_zero() -> None:
    assert not mx.any(snake.Snake(3)(mx.zeros((1, 4, 3)))).item()
