import numpy as np

from mlxtts.codecs.kokoro.style import Style, Together
from mlxtts.nn import mx
from mlxtts.nn.linear import Linear


def test_together_as_apart() -> None:
    layers = [Linear(6, out) for out in (4, 10, 2)]
    numbers = mx.random.normal((3, 6), key=mx.random.key(0))
    apart, at_once = Style(numbers), Style(numbers, Together(layers))
    for layer in layers:
        wanted = np.array(apart.through(layer))
        np.testing.assert_allclose(np.array(at_once.columns(layer)).T, wanted, atol=1e-6)
        np.testing.assert_allclose(np.array(apart.row(1).through(layer)), wanted[1:2], atol=1e-6)
