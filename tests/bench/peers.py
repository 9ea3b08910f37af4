"""mlxtts-ws beside mlx-audio's server: the same weights, texts and numbers of clients, in one run

The model is an Orpheus in the published layout, of four layers, with the published ids of tokens,
and the published codec's layout at a sixteenth of its width: what two cores can do. Its weights
are random, but for a state that leads from each token to those of the next slot, so that every
frame is well-formed and none ends: both say so many frames. mlx-audio's Orpheus takes its codec
from the hub, by a name that is built in: tests/fakehub.py is that hub.

Both servers run all the time, the one that is not asked idle. What the figures mean is in load.py;
memory is the process's once the clients are served. Each figure is the median of the rounds.

Both have the same BLAS with the same kernels, weights in float32, which processors are fastest
with, and Orpheus's own sampling. What differs:

- mlx-audio (0.6.2) speaks several texts at a time with models that bring their own way to do so,
  and its Orpheus does not: each client waits for those before it.
- It sends pieces of `streaming_interval` seconds, as it reckons them: 0.051 is a frame, the
  smallest. The default, 2, is 3.4 s of Orpheus's sound: here all of it, after it is done. As nobody
  overtakes, one client is enough to show that.
- Its clients wait in asyncio's pool of threads, of which there are six with two cores: of eight the
  first to be done learn it late, so that the slowest stream is nearer the fastest.
- It puts up to two frames of the piece before in front of each piece, and sends their sound again.
  What counts is the frames, not the samples.
- It computes, sorts and draws from all 156,940 tokens, mlxtts from the 4,096 that the slot allows.
  In a model as small as this that is most of its time, and in one of 3B little: there one client
  would find the two nearer each other. That the last client waits for all is so in every size.
- Its repetition penalty sees the last 20 tokens, that of mlxtts the codes that the slot has had.
- mlxtts-ws speaks over WebSocket, mlx-audio over HTTP.

Without a GPU mlx-audio's server accepts requests and answers none: the thread that should asks for
a stream on the GPU, and dies of it. So that it can be measured at all, it gets a second stream on
the processor there. Needs `pip install 'mlx-audio[server]'`.
"""

from __future__ import annotations

import asyncio
import http.client
import importlib.util
import json
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from websockets.asyncio.client import connect

from mlxtts.nn import mx, tree_flatten
from tests import fakehub, weights
from tests.bench import models
from tests.bench.common import blas_choices, blas_name, table
from tests.bench.load import COLUMNS, RATE, cells, figures
from tests.conftest import STARTER, environment, write_safetensors
from tests.fakehub import Hub
from tests.serve.chaos import resident
from tests.serve.servers import running

FRAMES, SAMPLES = 12, 2048
ROUNDS = 3
OURS, SMALLEST, DEFAULT = "mlxtts-ws", "mlx-audio, 0.051", "mlx-audio, default"
LOADS = {OURS: (1, 4, 8), SMALLEST: (1, 4, 8), DEFAULT: (1,)}
INTERVALS: dict[str, dict[str, float]] = {SMALLEST: {"streaming_interval": 0.051}, DEFAULT: {}}
TEXT = "the sea was grey and nobody had come yet"
SAMPLING = {"temperature": 0.6, "top_p": 0.8, "top_k": 0, "repetition_penalty": 1.3}
NEEDED = ("mlx_audio", "fastapi", "webrtcvad", "multipart")

FIRST, SLOTS, CODES = 128_266, 7, 4096
BEFORE = (128_260, 128_261, 128_257)  # the end of the text; what follows it up to the first code
LLAMA = weights.LLAMA_SMALL | {
    "hidden_size": 256,
    "intermediate_size": 768,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 1,
    "head_dim": 64,
    "vocab_size": 156_940,
    "rope_scaling": models.LLAMA_3,
}
SNAC = weights.SNAC_FULL | {"decoder_dim": 64, "encoder_dim": 24}
STATES = len(BEFORE) + SLOTS
STRENGTH = 8.0
"""Of a state, beside numbers of about 1."""

THEIRS = """
import runpy
import mlx.core as mx
new = mx.new_stream
mx.new_stream = lambda device: new(device if mx.is_available(device) else mx.cpu)
runpy.run_module("mlx_audio.server", run_name="__main__")
"""

Found = tuple[float, float]


@dataclass(frozen=True)
class System:
    """together: what so many clients find that ask at once."""

    pid: int
    together: Callable[[int], list[Found]]

    def figures(self, clients: int) -> list[float]:
        begun = time.perf_counter()
        found = self.together(clients)
        return figures(found, resident(self.pid), time.perf_counter() - begun)


def llama() -> weights.Tensors:
    """The first STATES numbers of a token's vector say which slot it is of; the last layer's first
    neurons take that away and put the next one's there."""
    tensors = weights.llama(LLAMA)
    states = slice(0, STATES)
    embedding = tensors["model.embed_tokens.weight"]
    embedding /= embedding.std()
    embedding[:, states] = 0
    for state, token in enumerate(BEFORE):
        embedding[token, state] = STRENGTH
    for slot in range(SLOTS):
        ids = slice(FIRST + slot * CODES, FIRST + (slot + 1) * CODES)
        embedding[ids, len(BEFORE) + slot] = STRENGTH
    for name, tensor in tensors.items():
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            tensor *= 0.3
            tensor[states] = 0
        elif name.endswith("norm.weight"):
            tensor[:] = 1
    last = f"model.layers.{LLAMA['num_hidden_layers'] - 1}.mlp"
    gate, up, down = (tensors[f"{last}.{name}_proj.weight"] for name in ("gate", "up", "down"))
    for state in range(STATES):
        after = state + 1 if state + 1 < STATES else len(BEFORE)
        gate[state] = up[state] = 0
        gate[state, state] = up[state, state] = 1
        down[:, state] = 0
        down[state, state] = -1
        down[after, state] = 1
    return tensors


def checkpoint(folder: Path) -> None:
    """As both servers read it."""
    shutil.copy(STARTER / "tokenizer.json", folder)
    kind = {"tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(kind))
    (folder / "config.json").write_text(json.dumps(LLAMA | {"tokenizer_name": str(folder)}))
    write_safetensors(folder / "model.safetensors", llama())
    (folder / "codec").mkdir()
    (folder / "codec" / "config.json").write_text(json.dumps(SNAC))
    codec(folder / "codec" / "model.safetensors")


def codec(file: Path) -> None:
    """With the encoder if mlx-audio is there, which wants it and makes it; mlxtts needs none."""
    if not models.has_mlx_audio():
        return write_safetensors(file, weights.snac(SNAC))
    from mlx_audio.codec.models import snac

    mx.random.seed(0)
    return mx.save_safetensors(str(file), dict(tree_flatten(snac.SNAC(**SNAC).parameters())))


async def of_ours(address: str) -> Found:
    async with connect(address, max_size=None, open_timeout=120, ping_interval=None) as ws:
        begun = time.perf_counter()
        asked = {"type": "start", "text": TEXT, "max_tokens": FRAMES * SLOTS}
        await ws.send(json.dumps(asked | SAMPLING))
        first, samples = 0.0, 0
        async for data in ws:
            if isinstance(data, bytes):
                first = first or time.perf_counter() - begun
                samples += struct.unpack_from("<4s3I", data)[2]
            elif json.loads(data)["type"] in ("stream_complete", "error"):
                break
        return judged(first, samples, begun)


def of_theirs(port: int, asked: dict[str, Any]) -> Found:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    connection.connect()
    begun = time.perf_counter()
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/v1/audio/speech", json.dumps(asked), headers)
    answer = connection.getresponse()
    first, size = 0.0, 0
    while data := answer.read1():
        first = first or time.perf_counter() - begun
        size += len(data)
    connection.close()
    return judged(first, size // 2, begun)


def judged(first: float, samples: int, begun: float) -> Found:
    """Time to first audio, and times real time, of a stream that is whole."""
    sound = FRAMES * SAMPLES
    assert sound <= samples < 2.1 * sound, samples
    return first, sound / RATE / (time.perf_counter() - begun)


@contextmanager
def ours(folder: Path, blas: str) -> Iterator[dict[str, System]]:
    options = ("--model", str(folder), "--max-streams", str(max(LOADS[OURS])))
    with running(*options, MLXTTS_BLAS=blas) as server:

        async def together(clients: int) -> list[Found]:
            return await asyncio.gather(*(of_ours(server.address) for _ in range(clients)))

        yield {OURS: System(server.process.pid, lambda clients: asyncio.run(together(clients)))}


@contextmanager
def theirs(folder: Path, blas: str) -> Iterator[dict[str, System]]:
    asked = {
        "model": str(folder),
        "input": TEXT,
        "voice": "tara",
        "stream": True,
        "response_format": "pcm",
        "max_tokens": FRAMES * SLOTS + len(BEFORE) - 1,
    }
    with Hub().running() as hub, their_server(hub, folder, blas) as (port, pid):

        def together(more: dict[str, float], clients: int) -> list[Found]:
            with ThreadPoolExecutor(clients) as pool:
                return [*pool.map(of_theirs, [port] * clients, [asked | SAMPLING | more] * clients)]

        yield {name: System(pid, partial(together, more)) for name, more in INTERVALS.items()}


@contextmanager
def their_server(hub: Hub, folder: Path, blas: str) -> Iterator[tuple[int, int]]:
    """Its port and its process."""
    hub.add("mlx-community/snac_24khz", fakehub.read(folder / "codec"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    more = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_HOME": str(folder / "cache")}
    more |= {} if blas == "numpy" else {"LD_PRELOAD": blas}
    command = [sys.executable, "-c", THEIRS, "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(
        command,
        env=environment(**more),
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            until_it_answers(port, process)
            yield port, process.pid
        finally:
            process.kill()


def until_it_answers(port: int, process: subprocess.Popen[bytes]) -> None:
    while True:
        assert process.poll() is None, "mlx_audio.server has ended"
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.1)


def measured(systems: dict[str, System]) -> Iterator[list[str]]:
    """A row for each system and load, after one client of each that warms it up."""
    for system in systems.values():
        system.together(1)
    cases = [(name, clients) for name in systems for clients in LOADS[name]]
    rounds = [[systems[name].figures(n) for name, n in cases] for _ in range(ROUNDS)]
    for (name, clients), found in zip(cases, zip(*rounds, strict=True), strict=True):
        yield [name, str(clients), *cells([median(each) for each in zip(*found, strict=True)])]


def main() -> None:
    missing = [name for name in NEEDED if not importlib.util.find_spec(name)]
    blas = blas_choices()[-1]
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        checkpoint(folder)
        systems = stack.enter_context(ours(folder, blas))
        if not missing:
            systems |= stack.enter_context(theirs(folder, blas))
        table([blas_name(blas), "clients", *COLUMNS], measured(systems))
    if missing:
        print(f"\nWithout {', '.join(missing)}: pip install 'mlx-audio[server]'")
