"""mlxtts-quantize as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests import checkpoints
from tests.conftest import STARTER, Run, environment, error_of
from tests.fakehub import Hub


def test_what_it_writes_speaks(run: Run, tmp_path: Path) -> None:
    """By a name and by its folder, with its codec; the same each time. The starter is quantised."""
    done = run("mlxtts-quantize", "--bits", "6", "--text", "Good morning.", "starter", "small")
    assert (done.returncode, done.stderr) == (0, b"")
    size, quality = done.stdout.decode().splitlines()
    assert size == "size     15.9 MB to 12.2 MB, 6.50 bits a weight"
    assert 0 < float(quality.split()[1]) < 0.02
    spoken = run("mlxtts-tokens --model ./small Hello | mlxtts-decode | mlxtts-wav -o x.wav")
    assert (spoken.returncode, spoken.stderr) == (0, b"")
    assert (tmp_path / "x.wav").stat().st_size > 20_000
    (tmp_path / "again").mkdir()
    done = run("mlxtts-quantize", "--bits", "6", "--no-measure", str(STARTER), "again")
    assert (done.returncode, done.stdout.decode().splitlines()) == (0, [size])
    one, other = (tmp_path / name / "model.safetensors" for name in ("small", "again"))
    assert one.read_bytes() == other.read_bytes()


def test_fewer_bits_are_further_away(run: Run, tmp_path: Path) -> None:
    """Of the starter unpacked, which has more bits than any of these."""
    checkpoints.plain_starter(tmp_path / "plain")
    found = []
    for bits in (8, 4, 2):
        done = run(f"mlxtts-quantize --json --bits {bits} --text 'Good day.' plain q{bits}")
        assert (done.returncode, done.stderr) == (0, b"")
        found.append(json.loads(done.stdout))
    assert found[0].keys() == {"before", "after", "bits", "kept", "quality"}
    nats = [report["quality"]["divergence"] for report in found]
    assert 0 < nats[0] < 0.0015 < 0.01 < nats[1] < 0.5 < nats[2]
    assert found[0]["after"] > found[1]["after"] > found[2]["after"]


def test_matrices_that_stay_are_named(run: Run, model_folder: Path) -> None:
    changes = {"hidden_size": 128, "intermediate_size": 80}
    shapes = checkpoints.weights.ORPHEUS_SMALL | changes
    tensors = checkpoints.weights.llama(shapes)
    checkpoints.write(
        model_folder, {n: checkpoints.mx.array(t) for n, t in tensors.items()}, **shapes
    )
    done = run("mlxtts-quantize", "--group-size", "32", "--text", "Go.", "small", "q")
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode().splitlines()
    kept = [f"kept     model.layers.{n}.mlp.down_proj, as it was" for n in range(3)]
    assert lines[1:-1] == kept


def test_a_published_model(online: Run, published: Hub, tmp_path: Path) -> None:
    done = online("mlxtts-quantize --no-measure orpheus-4bit q")
    assert (done.returncode, done.stderr) == (0, b"")
    voices = json.loads((tmp_path / "q" / "config.json").read_text())["voices"]
    assert voices == ["slt", "rms", "awb", "kal16"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("--bits 7 starter q", "--bits 7: mode affine has 2, 3, 4, 5, 6, 8"),
        ("--mode mxfp4 --bits 8 starter q", "--bits 8: mode mxfp4 has 4"),
        ("--group-size 48 starter q", "--group-size 48: mode affine has 32, 64, 128"),
        ("--recipe mixed_4_6 --bits 4 starter q", "--recipe mixed_4_6: says itself how many bits"),
        ("--recipe best starter q", "argument --recipe: invalid choice: 'best'"),
        ("--head-bits 7 starter q", "--head-bits 7: mode affine has"),
        ("--bits four starter q", "argument --bits: invalid int value: 'four'"),
        ("starter", "a source and a target are needed"),
        ("starter .", ".: the working directory: name a folder that is not there yet"),
    ],
)
def test_wrong_usage(run: Run, tmp_path: Path, arguments: str, reason: str) -> None:
    done = run(f"mlxtts-quantize {arguments}")
    assert (done.returncode, done.stdout) == (2, b"")
    assert reason in error_of(done)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("nowhere q", "model 'nowhere': neither a folder nor a name that mlxtts-models lists"),
        ("someone/thing q", "model 'someone/thing': not in the cache"),
        ("full q", "model 'full': not a model folder: no config.json"),
        ("snac q", "model 'snac': not in the cache"),
        (f"{STARTER}/codec q", "config.json: model_type None is not implemented"),
        ("starter full", "full: Directory not empty"),
        ("starter file", "file: File exists"),
        ("starter no/where", "no/where: No such file or directory"),
        ("--text '...' starter q", "text: nothing to speak in '...'"),
        ("--text '' starter q", "text: nothing to speak in ''"),
    ],
)
def test_bad_input(run: Run, tmp_path: Path, arguments: str, reason: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("kept")
    (tmp_path / "file").write_text("kept")
    done = run(f"mlxtts-quantize {arguments}")
    assert (done.returncode, done.stdout) == (1, b"")
    assert reason in error_of(done)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "full", "x"]


def test_a_source_of_as_few_bits_and_a_damaged_one(run: Run, tmp_path: Path) -> None:
    folder = checkpoints.write(tmp_path / "m", checkpoints.tensors())
    assert run("mlxtts-quantize", "--no-measure", "m", "q").returncode == 0
    for bits in ("4", "8"):
        done = run("mlxtts-quantize", "--bits", bits, "q", "r")
        assert (done.returncode, done.stdout) == (1, b"")
        assert error_of(done) == (
            "mlxtts-quantize: model 'q': model.embed_tokens is already quantised to"
            " 4.50 bits a weight: ask for fewer"
        )
        assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "q"]
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:-10])
    done = run("mlxtts-quantize", "--no-measure", "m", "r")
    assert (done.returncode, done.stdout) == (1, b"")
    assert "model.safetensors: cut short: " in error_of(done)
    assert not (tmp_path / "r").exists()


def test_a_full_disk_leaves_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "m").symlink_to(STARTER)
    for limit in (0, 1, 1000, 4000):
        done = run(f"ulimit -f {limit}; mlxtts-quantize --no-measure m q")
        assert (done.returncode, done.stdout) == (1, b"")
        assert error_of(done) == "mlxtts-quantize: q: File too large"
        assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_a_file_that_cannot_be_copied_is_named(run: Run, tmp_path: Path) -> None:
    folder = checkpoints.write(tmp_path / "m", checkpoints.tensors())
    (folder / "notes.txt").symlink_to("nowhere")
    done = run("mlxtts-quantize --no-measure m q")
    assert error_of(done) == "mlxtts-quantize: m/notes.txt: No such file or directory"


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_deadly_signal_leaves_nothing(tmp_path: Path, signum: int) -> None:
    with subprocess.Popen(
        ["mlxtts-quantize", "starter", "q"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=environment(),
        preexec_fn=lambda: signal.signal(signum, signal.SIG_DFL),
    ) as process:
        while not list(tmp_path.glob(".q.*/config.json")):
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, signum)
        assert process.communicate() == (b"", b"")
        assert process.returncode == -signum
    assert list(tmp_path.iterdir()) == []
