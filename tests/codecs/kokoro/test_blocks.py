import numpy as np
import pytest

from mlxtts.codecs.kokoro import blocks
from mlxtts.codecs.kokoro.style import Style
from mlxtts.nn import mx, stretches, tree_flatten, tree_unflatten
from mlxtts.nn.ragged import Ragged


@pytest.mark.parametrize("lengths", [(50,), (50, 31, 2)])
def test_snakes_in_stretches_are_those_at_once(
    monkeypatch: pytest.MonkeyPatch, lengths: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> mx.array:
        return mx.array(rng.standard_normal(shape, np.float32))

    block = blocks.SnakeBlock(6, 3, (1, 3, 5), 4)
    drawn = [(name, 0.3 * normal(*w.shape) + 1e-2) for name, w in tree_flatten(block.parameters())]
    block.update(tree_unflatten(drawn))
    for snake in (*block.snake1, *block.snake2):
        snake.alpha = mx.abs(snake.alpha) + 0.3
    rows = Ragged(lengths)
    x, style = rows.clear(normal(len(lengths), 50, 6)), Style(normal(len(lengths), 4))
    monkeypatch.setattr(stretches, "NUMBERS", 90)
    found = {}
    for cpu in (True, False):
        monkeypatch.setattr(blocks, "on_cpu", lambda cpu=cpu: cpu)
        found[cpu] = np.array(rows.clear(block(x, style, rows)))
    np.testing.assert_allclose(found[True], found[False], atol=1e-3)
    assert np.abs(found[False]).max() > 1
