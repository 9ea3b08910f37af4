"""Fixtures: commands as processes, and small checkpoints."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from tests import fakehub, kokoro, weights
from tests.fakehub import Hub
from tests.pulse import Loudspeaker

settings.register_profile("mlxtts", deadline=None)  # a busy machine is no bug
settings.load_profile("mlxtts")

ROOT = Path(__file__).resolve().parents[1]
BIN = ROOT / "bin"
STARTER = ROOT / "mlxtts" / "voices" / "starter"

Run = Callable[..., subprocess.CompletedProcess[bytes]]


def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as cores: a worker waits a third of its time for servers and browsers."""
    return max(1, 3 * (os.cpu_count() or 1) // 2)


def environment(**more: str) -> dict[str, str]:
    """The environment of a command: this checkout's commands first, this Python next."""
    path = os.pathsep.join([str(BIN), str(Path(sys.executable).parent), os.environ["PATH"]])
    ours = {"PATH": path, "HF_HUB_OFFLINE": "1", "HF_TOKEN": "", "NO_PROXY": "127.0.0.1,localhost"}
    return os.environ | ours | more


@pytest.fixture
def run(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a command, given as words, or a line for bash, in an empty folder, with an empty cache
    of models."""
    cache = {"HF_HOME": str(tmp_path_factory.mktemp("huggingface"))}

    def run(
        *command: str, stdin: bytes = b"", timeout: float = 120, **more: str
    ) -> subprocess.CompletedProcess[bytes]:
        words = ["bash", "-o", "pipefail", "-c", command[0]] if len(command) == 1 else [*command]
        return subprocess.run(
            words,
            input=stdin,
            capture_output=True,
            cwd=tmp_path,
            env=environment(**cache | more),
            timeout=timeout,
            check=False,
        )

    return run


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A Hugging Face hub on this machine, empty."""
    with Hub().running() as hub:
        yield hub


@pytest.fixture
def published(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Hub:
    """That hub, with the starter voice under the names of a published model and codec, and a small
    Kokoro under its."""
    files = fakehub.read(STARTER, "codec/", "training/")
    hub.add("mlx-community/orpheus-3b-0.1-ft-4bit", files)
    hub.add("mlx-community/snac_24khz", fakehub.read(STARTER / "codec"))
    small = kokoro.folder(tmp_path_factory.mktemp("published") / "kokoro")
    hub.add("mlx-community/Kokoro-82M-bf16", fakehub.read(small))
    return hub


@pytest.fixture
def online(run: Run, hub: Hub) -> Run:
    """As `run`, but with access to that hub."""
    return partial(run, HF_ENDPOINT=hub.url, HF_HUB_OFFLINE="0")


def error_of(done: subprocess.CompletedProcess[bytes]) -> str:
    """What a command said, which must be one line."""
    text = done.stderr.decode()
    assert text.count("\n") == 1, text
    return text.rstrip("\n")


def without_report(stderr: bytes) -> bytes:
    """What commands said but for the report of mlxtts-meter."""
    lines = stderr.splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(b"mlxtts-meter: "))


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skip without these programs. In CI nothing is skipped: there they are all installed."""
    missing = [program for program in programs if not shutil.which(program)]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)} on PATH")


def node_path() -> str:
    """Where Node finds packages: those that npm has installed for all, and Debian's."""
    folders = ["/usr/share/nodejs", "/usr/lib/node_modules", "/usr/local/lib/node_modules"]
    if npm := shutil.which("npm"):
        done = subprocess.run([npm, "root", "-g"], capture_output=True, text=True, check=False)
        folders.insert(0, done.stdout.strip())
    return os.pathsep.join([*folders, os.environ.get("NODE_PATH", "")])


def needs_node(package: str) -> pytest.MarkDecorator:
    """Skip without Node and this package."""
    missing = (
        not shutil.which("node")
        or subprocess.run(
            ["node", "-e", f"require('{package}')"],
            env=os.environ | {"NODE_PATH": node_path()},
            capture_output=True,
            check=False,
        ).returncode
    )
    reason = f"needs node and its package {package} (npm install -g {package})"
    return pytest.mark.skipif(bool(missing), reason=reason)


CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def needs_chromium() -> pytest.MarkDecorator:
    """Skip without Playwright's Python package and a Chromium, which it need not have brought."""
    missing = not CHROMIUM or not importlib.util.find_spec("playwright")
    reason = "needs chromium on PATH, and the package playwright"
    return pytest.mark.skipif(missing, reason=reason)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The browser, of which a test takes a page. It has a loop of asyncio in this thread while it
    is open, beside which there is no other."""
    from playwright.sync_api import sync_playwright

    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


needs_pulse = needs("pulseaudio", "parec", "pactl")


@pytest.fixture(scope="module")
def pulse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loudspeaker]:
    loudspeaker = Loudspeaker(tmp_path_factory.mktemp("pulse"))
    yield loudspeaker
    loudspeaker.stop()


@pytest.fixture
def loudspeaker(pulse: Loudspeaker) -> Loudspeaker:
    """One that nothing was heard of yet."""
    pulse.listen()
    return pulse


def write_safetensors(path: Path, tensors: dict[str, np.ndarray]) -> None:
    """The format of huggingface.co/docs/safetensors: header length, JSON header, data."""
    names = {"float32": "F32", "float16": "F16"}
    header: dict[str, Any] = {}
    at = 0
    for name, tensor in tensors.items():
        end = at + tensor.nbytes
        kind = names[str(tensor.dtype)]
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    data = [np.ascontiguousarray(tensor).tobytes() for tensor in tensors.values()]
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data))


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    """A small Orpheus of random weights that brings a small codec."""
    folder = tmp_path / "small"
    (folder / "codec").mkdir(parents=True)
    shutil.copy(STARTER / "tokenizer.json", folder)
    config = weights.ORPHEUS_SMALL | {"spoken_form": True, "tags": ["laugh"]}
    (folder / "config.json").write_text(json.dumps(config))
    write_safetensors(folder / "model.safetensors", weights.llama(weights.LLAMA_SMALL))
    (folder / "codec" / "config.json").write_text(json.dumps(weights.SNAC_SMALL))
    write_safetensors(folder / "codec" / "model.safetensors", weights.snac(weights.SNAC_SMALL))
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with those that take longest, so that no worker waits for another in the end."""
    items.sort(key=lambda item: "test_hearing" not in item.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With MLXTTS_NO_SKIPS set, as in CI, a skipped test is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("MLXTTS_NO_SKIPS") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have measured, and recorded as properties."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")
