"""A device for the tests of functions that call kernels."""

import pytest

from tests.nn.cuda.device import Device


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Device:
    return Device(tmp_path_factory.mktemp("device"))
