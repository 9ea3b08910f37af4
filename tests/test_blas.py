import subprocess
import sys

import pytest

from tests.conftest import ROOT, environment

ASK = "import mlxtts.nn; print(mlxtts.nn.BLAS)"


def ask(code: str = ASK, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment(**more),
    )


def test_none_leaves_it_at_mlx() -> None:
    assert ask(MLXTTS_BLAS="none").stdout == "None\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux is a BLAS loaded")
def test_a_library_by_name() -> None:
    assert ask(MLXTTS_BLAS="libm.so.6").stdout == "libm.so.6\n"
    done = ask(MLXTTS_BLAS="libnosuch.so")
    assert "UsageError: MLXTTS_BLAS: libnosuch.so: cannot open shared object file" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux is a BLAS loaded")
def test_it_is_too_late_when_mlx_is_there() -> None:
    code = f"import mlx.core; {ASK}"
    assert ask(code, MLXTTS_BLAS="libm.so.6").stdout == "None\n"


def test_a_command_says_so_in_one_line() -> None:
    done = subprocess.run(
        ["mlxtts-tokens", "Hello"],
        capture_output=True,
        text=True,
        check=False,
        env=environment(MLXTTS_BLAS="libnosuch.so"),
    )
    assert done.returncode == 2
    assert done.stderr == (
        "mlxtts-tokens: MLXTTS_BLAS: libnosuch.so: cannot open shared object file: "
        "No such file or directory\n"
    )
