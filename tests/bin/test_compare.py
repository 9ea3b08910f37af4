"""mlxtts-compare as a process; test_compare_page.py has its report in a browser."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.conftest import Run, error_of
from tests.fakehub import Hub

ROUNDING = 1e-6
METHODS = ["normal", "streaming", "processed", "callback", "early"]


def compared(run: Run, *arguments: str) -> dict[str, dict[str, object]]:
    done = run("mlxtts-compare", "--json", *arguments, timeout=600)
    assert (done.returncode, done.stderr) == (0, b"")
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    return {report["name"]: report for report in reports}


@pytest.mark.parametrize("blas", ["", "numpy", "none"])
def test_streaming_is_the_same_as_normal(run: Run, tmp_path: Path, blas: str) -> None:
    """Bit for bit with MLX's own BLAS; others may sum in another order for few frames at a time."""
    done = run("mlxtts-compare", "--json", "Hello there.", MLXTTS_BLAS=blas)
    assert (done.returncode, done.stderr) == (0, b"")
    found = {report["name"]: report for report in map(json.loads, done.stdout.splitlines())}
    assert list(found) == METHODS
    for name in ("streaming", "callback"):
        assert found[name]["largest_difference"] <= ROUNDING
        assert found[name]["same"] or blas != "none"
        assert found[name]["same"] == (found[name]["snr_db"] is None)
    assert 0 < found["processed"]["snr_db"] < 60
    assert 0 < found["early"]["snr_db"] < 60
    files = {name: tmp_path / f"comparison_{name}.wav" for name in METHODS}
    streamed = files["normal"].read_bytes() == files["streaming"].read_bytes()
    assert streamed or not found["streaming"]["same"]
    assert files["normal"].read_bytes() != files["early"].read_bytes()
    sound, rate = soundfile.read(files["normal"], dtype="float32")
    assert rate == 24_000
    assert len(sound) / rate == pytest.approx(found["normal"]["seconds"], abs=1e-3)
    assert np.abs(sound).max() > 0.05


def test_the_sound_is_that_of_the_commands(run: Run, tmp_path: Path) -> None:
    compared(run, "--method", "normal", "--seed", "3", "--voice", "rms", "Good day.")
    done = run(
        "mlxtts-tokens --seed 3 --voice rms Good day. | mlxtts-decode |"
        " mlxtts-wav --subtype FLOAT -o x.wav"
    )
    assert done.returncode == 0
    ours, theirs = (
        soundfile.read(tmp_path / name, dtype="float32")[0]
        for name in ("comparison_normal.wav", "x.wav")
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_two_models(run: Run, tmp_path: Path) -> None:
    done = run("mlxtts-quantize --no-measure --bits 6 starter q6")
    assert done.returncode == 0
    found = compared(run, "-o", "r.html", "--model", "starter", "--model", "./q6", "Go.")
    assert list(found) == ["normal, starter", "normal, ./q6"]
    assert found["normal, starter"]["fidelity"] is None
    assert 0 < found["normal, ./q6"]["fidelity"]["divergence"] < 0.05
    names = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert names == {"r.html", "r_normal-starter.wav", "r_normal-.-q6.wav"}


def test_other_settings(run: Run) -> None:
    also = ["seed=5", "lookahead=0", "method=streaming,chunk-ms=50"]
    options = [word for changes in also for word in ("--also", changes)]
    found = compared(run, "--method", "normal", *options, "Go on.")
    assert list(found) == ["normal", *also]
    assert found["seed=5"]["settings"]["seed"] == 5
    assert found["lookahead=0"]["settings"]["method"] == "streaming"
    assert found["lookahead=0"]["snr_db"] < 60
    assert found[also[2]]["largest_difference"] <= ROUNDING  # type: ignore[operator]


def test_lines_for_people_and_text_from_stdin(run: Run) -> None:
    done = run("mlxtts-compare", "--method", "normal", "--method", "streaming", stdin=b"Go.\nOn.\n")
    assert (done.returncode, done.stderr) == (0, b"")
    rows = [line.split("\t") for line in done.stdout.decode().splitlines()]
    assert rows[0][:3] == ["normal", "the same, bit for bit", "0+0"]
    assert rows[1][::2][:2] == ["streaming", "0+0"]
    assert re.fullmatch(r"the same(, bit for bit| to \d\.\de-0[789])", rows[1][1])
    assert all(float(cell) > 0 for row in rows for cell in row[3:])


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        ("--model nowhere Hello", 1, "model 'nowhere': neither a folder nor a name"),
        ("--model a/b Hello", 1, "model 'a/b': not in the cache"),
        ("--model starter --model gone Hello", 1, "model 'gone': neither a folder nor a name"),
        ("...", 1, "line 1: nothing to speak in '...'"),
        ("''", 1, "text: no text"),
        ("< /dev/null", 1, "stdin: no text"),
        ("--voice tara Hello", 1, "voice 'tara': unknown; the voices are slt, rms, awb, kal16"),
        ("--also louder=1 Hello", 2, "'louder=1': must be NAME=VALUE, with one of model,"),
        ("--also voice=tara Hello", 1, "voice 'tara': unknown"),
        ("--method loud Hello", 2, "argument --method: invalid choice: 'loud'"),
        ("--chunk-tokens 10 Hello", 2, "--chunk-tokens 10: must be a multiple of 7"),
        ("--crossfade-ms 9999 Hello", 2, "a crossfade must be 0 to 1000 ms, not 9999"),
        ("--temperature -1 Hello", 2, "--temperature: must be 0 to 100"),
        ("-o . Hello", 2, "needs the name of a file"),
        ("--also lookahead=-1 Hello", 2, "lookahead -1: must be at least 0"),
        ("-o no/where.html Hello", 1, "no/where_normal.wav: No such file or directory"),
    ],
)
def test_bad_input(run: Run, tmp_path: Path, arguments: str, status: int, reason: str) -> None:
    done = run(f"mlxtts-compare {arguments}")
    assert (done.returncode, done.stdout) == (status, b"")
    assert reason in error_of(done)
    assert list(tmp_path.iterdir()) == []


def test_what_was_cut_short_is_said(run: Run) -> None:
    done = run("mlxtts-compare", "--method", "normal", "--max-tokens", "14", "Hello there.")
    assert done.returncode == 1
    assert error_of(done) == ("mlxtts-compare: cut short at the limit of tokens: 'Hello there.'")


def test_a_published_model(online: Run, published: Hub, tmp_path: Path) -> None:
    done = online("mlxtts-compare --method normal --model orpheus-4bit Go.")
    assert done.returncode == 0
    assert (tmp_path / "comparison.html").stat().st_size > 100_000
