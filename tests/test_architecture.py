"""Who may know whom, and what the core may not do: DESIGN in one table."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "mlxtts"
MODULES = sorted(
    path for path in PACKAGE.rglob("*.py") if "training" not in path.relative_to(PACKAGE).parts
)
BELOW = {
    "errors": set(),
    "wire": {"errors"},
    "output": {"errors"},
    "ahead": set(),
    "options": {"errors", "wire"},
    "cli": {"errors", "options", "output", "wire", "ahead"},
    "blas": {"errors"},
    "caches": set(),
    "hub": {"errors"},
    "text": {"errors", "wire"},
    "audio": {"errors", "wire"},
    "nn": {"errors", "blas", "caches"},
    "codecs": {"errors", "wire", "text", "audio", "nn"},
    "models": {"errors", "text", "nn", "codecs"},
    "engine": {"errors", "caches", "wire", "text", "audio", "hub", "nn", "codecs", "models"},
    "serve": {
        *("errors", "output", "ahead", "wire", "text", "audio", "hub", "nn", "codecs", "engine"),
    },
    "api": {
        *("errors", "output", "wire", "text", "audio", "hub", "nn", "codecs", "models", "engine"),
    },
    "compare": {"errors", "wire", "audio", "hub", "nn", "codecs", "engine", "api"},
    "catalogue": {"errors", "hub", "nn", "codecs", "models"},
    "quantize": {"errors", "hub", "nn", "models"},
}
"""For each part of the package what it may import, beside itself."""
CORE = ("nn", "codecs", "models", "engine", "wire", "text")
STANDARD_ONLY = ("ahead", "cli", "options", "output", "wire", "errors", "blas", "caches")
NO_MLX = (
    "ahead",
    "cli",
    "options",
    "output",
    "wire",
    "errors",
    "text",
    "audio",
    "hub",
    "blas",
    "caches",
)


def part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def names(path: Path) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}


every_module = pytest.mark.parametrize(
    "path", MODULES, ids=[str(path.relative_to(PACKAGE)) for path in MODULES]
)


@every_module
def test_imports_point_downward(path: Path) -> None:
    if path == PACKAGE / "__init__.py":
        return
    inner = {name.split(".")[1] for name in imports(path) if name.startswith("mlxtts.")}
    inner -= {"__version__"}
    assert inner - {part(path)} <= BELOW[part(path)]


@every_module
def test_modules_are_short_and_say_what_they_know(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300
    assert path == PACKAGE / "__init__.py" or ast.get_docstring(ast.parse(path.read_text()))


@every_module
def test_the_core_keeps_to_itself(path: Path) -> None:
    """No printing, no environment, no threads, no clock, no stdout; no MLX where none is due."""
    used = {name.split(".")[0] for name in imports(path)}
    if part(path) in CORE:
        assert not used & {"os", "sys", "time", "threading", "subprocess", "logging"} - (
            {"sys"} if part(path) == "wire" else set()
        )
        assert "print" not in names(path)
    if part(path) in NO_MLX:
        assert "mlx" not in used
    if part(path) not in ("hub", "serve"):
        local = {name for name in imports(path) if not name.startswith("urllib.parse")}
        reaching = {"huggingface_hub", "urllib", "http", "socket"}
        assert not {name.split(".")[0] for name in local} & reaching
    if part(path) in STANDARD_ONLY:
        assert used <= sys.stdlib_module_names | {"mlxtts"}


def test_generic_code_knows_no_model_by_name() -> None:
    folders = [*(PACKAGE / "models").iterdir(), *(PACKAGE / "codecs").iterdir()]
    known = {folder.name for folder in folders if (folder / "__init__.py").is_file()}
    assert {"orpheus", "snac"} <= known
    for path in MODULES:
        if known & set(path.relative_to(PACKAGE).parts) or path.name == "pipeline.py":
            continue  # the latter does what a package for one model does
        code = re.sub(r'"""(?:.|\n)*?"""|#.*', "", path.read_text())
        assert not re.search(rf"\b({'|'.join(known)})\b", code, re.I), path


def test_importing_the_package_costs_nothing() -> None:
    code = "import sys; before = set(sys.modules); import mlxtts; print(set(sys.modules) - before)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "{'mlxtts'}"
