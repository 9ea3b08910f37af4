import numpy as np
import pytest

from mlxtts.nn import conv, mx

RNG = np.random.default_rng(0)


def normal(*shape: int) -> mx.array:
    return mx.array(RNG.standard_normal(shape, np.float32))


def assert_close(a: mx.array, b: mx.array) -> None:
    np.testing.assert_allclose(np.array(a), np.array(b), atol=1e-5)


def test_pointwise_is_a_kernel_of_size_one() -> None:
    x, weight, bias = normal(2, 9, 4), normal(4, 3), normal(3)
    assert_close(conv.pointwise(x, weight, bias), mx.conv1d(x, weight.T[:, None]) + bias)
    assert_close(conv.pointwise(x, weight), mx.conv1d(x, weight.T[:, None]))


@pytest.mark.parametrize("dilation", [1, 3, 9])
@pytest.mark.parametrize("cpu", [True, False])
def test_depthwise(monkeypatch: pytest.MonkeyPatch, cpu: bool, dilation: int) -> None:
    monkeypatch.setattr(conv, "on_cpu", lambda: cpu)
    x, weight, bias = normal(2, 70, 5), normal(7, 5), normal(5)
    x_np, w_np = np.array(x), np.array(weight)
    length = 70 - 6 * dilation
    expected = sum(x_np[:, k * dilation :][:, :length] * w_np[k] for k in range(7)) + np.array(bias)
    assert_close(conv.depthwise(x, weight, bias, dilation), mx.array(expected))


def test_collapse() -> None:
    x, weight, bias = normal(2, 20, 6), normal(6, 7), normal(1)
    expected = mx.conv1d(x, weight.T[None])[..., 0] + bias
    assert_close(conv.collapse(x, weight, bias), expected)


@pytest.mark.parametrize("stride", [2, 3, 8])
def test_transposed_is_the_settled_part_of_the_whole(stride: int) -> None:
    x, bias = normal(2, 6, 4), normal(3)
    kernel = normal(3, 2 * stride, 4)  # (out, taps, in), as MLX has it
    weight = kernel.transpose(2, 1, 0).reshape(4, 2 * stride * 3)
    whole = mx.conv_transpose1d(x, kernel, stride=stride) + bias
    y = conv.transposed(x, weight, bias)
    assert y.shape == (2, 5 * stride, 3)
    assert_close(y, whole[:, stride : 6 * stride])


@pytest.mark.parametrize("stride", [2, 3])
def test_transposed_depthwise(stride: int) -> None:
    x, weight = normal(2, 6, 4), normal(2 * stride, 4)
    whole = mx.conv_transpose1d(x, weight.T[..., None], stride=stride, groups=4)
    assert_close(conv.transposed_depthwise(x, weight), whole[:, stride : 6 * stride])


@pytest.mark.parametrize("dilation", [1, 3])
@pytest.mark.parametrize("taps", [3, 5])
def test_padded_is_the_same_on_every_device(
    monkeypatch: pytest.MonkeyPatch, taps: int, dilation: int
) -> None:
    x, weight, bias = normal(2, 20, 6), normal(taps, 6, 4), normal(4)
    side = (taps - 1) // 2 * dilation
    wanted = mx.conv1d(x, weight.transpose(2, 0, 1), padding=side, dilation=dilation)
    assert_close(conv.padded(x, weight, bias, dilation), wanted + bias)
    monkeypatch.setattr(conv, "on_cpu", lambda: False)
    assert_close(conv.padded(x, weight, bias, dilation), wanted + bias)
    assert_close(conv.padded(x, weight, None, dilation), wanted)


@pytest.mark.parametrize("cpu", [True, False])
def test_laid_as_it_is_multiplied(monkeypatch: pytest.MonkeyPatch, cpu: bool) -> None:
    monkeypatch.setattr(conv, "on_cpu", lambda: cpu)
    weight = normal(3, 6, 4)
    laid = np.array(conv.laid(weight), copy=False)
    np.testing.assert_array_equal(laid, np.array(weight))
    assert (laid if cpu else laid.transpose(2, 0, 1)).flags.c_contiguous
