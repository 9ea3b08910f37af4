import os
import subprocess
import sys

import pytest

from mlxtts import caches
from tests.conftest import ROOT, environment

ASK = "import os, mlxtts.nn; print(*(os.environ[name] for name in {names}))"


def found(**more: str) -> list[str]:
    """What MLX finds of the settings."""
    code = ASK.format(names=[*caches.SETTINGS])
    environ = {
        n: v for n, v in environment(**more).items() if n in more or n not in caches.SETTINGS
    }
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT,
        env=environ,
    )  # fmt: skip
    return done.stdout.split()


def test_a_change_of_shapes_ends_no_program() -> None:
    assert found() == [*caches.SETTINGS.values()]
    assert caches.SETTINGS["MLX_ENABLE_CACHE_THRASHING_CHECK"] == "0"


def test_what_the_user_sets_stays() -> None:
    assert found(MLX_CUDA_CONV_CACHE_SIZE="7")[1] == "7"
    assert "MLX_CUDA_CONV_CACHE_SIZE" in os.environ  # of this process, which has imported MLX


def test_many_rows_do_without_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "MLX_USE_CUDA_GRAPHS"
    monkeypatch.delenv(name, raising=False)
    caches.expect(caches.MANY - 1)
    assert name not in os.environ
    caches.expect(caches.MANY)
    assert os.environ[name] == "0"
    monkeypatch.setenv(name, "1")
    caches.expect(caches.MANY)
    assert os.environ[name] == "1"
