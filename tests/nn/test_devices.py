import pytest

from mlxtts import nn


def test_kernels_of_our_own_are_for_programs_that_live_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(nn, "_long_lived", False)
    monkeypatch.setattr(nn, "on_cuda", lambda: True)
    assert not nn.in_kernels()
    nn.live_long()
    assert nn.in_kernels()
    monkeypatch.setattr(nn, "on_cuda", lambda: False)
    assert not nn.in_kernels()
