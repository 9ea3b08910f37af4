"""Wrong input to the real commands: one line on stderr, the right status, no file."""

import json
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlxtts.audio import wav
from mlxtts.wire import tokens
from mlxtts.wire.tokens import Begin, Codes, End, Header
from tests.conftest import Run, error_of

HEADER = tokens.encode(Header("snac", "starter", 24_000, "starter", "slt", 7))
BEGIN = tokens.encode(Begin("1"))
FRAME = tokens.encode(Codes("1", (1, 2, 3, 4, 5, 6, 7)))
END = tokens.encode(End("1"))
RANDOM = np.random.default_rng(0).bytes(5000)
WAV = wav.header(24_000, 1, "PCM_16", 8) + b"\0" * 8
TONE = struct.pack("<4s3I", b"PCM0", 24_000, 4, 1) + struct.pack("<4f", 0, 0.1, 0.2, 0.3)


@pytest.mark.parametrize(
    ("stdin", "reason"),
    [
        (RANDOM, "stdin: line 1: not UTF-8"),
        (b"", "stdin: line 1: the stream is empty"),
        (BEGIN, 'stdin: line 1: no header: the first line must begin {"mlxtts":1,'),
        (HEADER + BEGIN + b'{"id":"1","codes":[1,2]}\n', "line 3: 2 codes, where a frame has 7"),
        (
            HEADER + BEGIN + tokens.encode(Codes("1", (1, 2, 3, 4, 5, 6, 1024))),
            "stdin: line 3: code 1024 is outside 0..1023",
        ),
        (HEADER + BEGIN + FRAME, "stdin: line 3: the stream breaks off inside utterance 1"),
        (HEADER + BEGIN + b'{"id":"1","co', "stdin: line 3: not JSON"),
        (HEADER + b"x" * 10_000_000, "stdin: line 2: longer than 1048576 bytes"),
        (HEADER + b'{"id":"\xff"}\n', "stdin: line 2: not UTF-8"),
        (HEADER + b"\0\n", "stdin: line 2: not JSON"),
        (
            HEADER.replace(b"snac", b"mimo"),
            "codec 'mimo': unknown; the codecs are kokoro, mimi, snac",
        ),
        (HEADER.replace(b'"starter"', b'"nowhere"', 1), "model 'nowhere': neither a folder nor"),
        (HEADER.replace(b"24000", b"16000"), "codec 'starter' has 24000 Hz, the tokens are for"),
    ],
)
def test_decode(run: Run, stdin: bytes, reason: str) -> None:
    done = run("mlxtts-decode", stdin=stdin)
    assert done.returncode == 1
    assert error_of(done).startswith("mlxtts-decode: stdin: ")
    assert reason in error_of(done)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--chunk-tokens", "10"], "--chunk-tokens 10: must be a multiple of 7"),
        (["--chunk-tokens", "0"], "--chunk-tokens 0: must be a multiple of 7"),
        (["--lookahead", "3"], "argument --lookahead: invalid choice: '3'"),
        (["--chunk-ms", "-1"], "argument --chunk-ms: invalid positive value: '-1'"),
        (["--respect-source-boundaries"], "--respect-source-boundaries: needs --chunk-ms"),
        (["--chunk-ms", "nan"], "argument --chunk-ms: invalid positive value: 'nan'"),
    ],
)
def test_decode_usage(run: Run, arguments: list[str], reason: str) -> None:
    done = run("mlxtts-decode", *arguments, stdin=HEADER + BEGIN + FRAME + END)
    assert (done.returncode, done.stdout) == (2, b"")
    assert reason in error_of(done)


@pytest.mark.parametrize(
    "command",
    [
        "mlxtts-wav -o out.wav",
        "mlxtts-play",
        "mlxtts-tempo 1.5 -o out.pcm0",
        "mlxtts-smooth -o out.pcm0",
        "mlxtts-meter -o out.pcm0",
    ],
)
@pytest.mark.parametrize(
    ("stdin", "reason"),
    [
        (RANDOM, "stdin: byte 0: no PCM0 frame begins here"),
        (b"", "stdin: byte 0: the stream is empty"),
        (b"RIFF", "stdin: byte 0: no PCM0 frame begins here"),
        (b"PCM0" + b"\xff" * 12, "stdin: byte 0: sample rate 4294967295 Hz is outside"),
    ],
)
def test_sound(run: Run, tmp_path: Path, command: str, stdin: bytes, reason: str) -> None:
    done = run(command, stdin=stdin)
    assert done.returncode == 1
    assert error_of(done).startswith(f"{command.split()[0]}: {reason}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "opus", "mp3", "raw"])
@pytest.mark.parametrize(
    ("stdin", "reason"),
    [
        (TONE + TONE[:-1], "stdin: byte 32: frame cut short: 31 of 32 bytes"),
        (TONE + RANDOM, "stdin: byte 32: no PCM0 frame begins here"),
        (TONE[:-4] + b"\0\0\xc0\x7f", "stdin: byte 0: a sample is not a finite number"),
    ],
)
def test_no_half_file(run: Run, tmp_path: Path, suffix: str, stdin: bytes, reason: str) -> None:
    (tmp_path / f"out.{suffix}").write_text("old")
    done = run("mlxtts-wav", "-o", f"out.{suffix}", stdin=stdin)
    assert (done.returncode, error_of(done)) == (1, f"mlxtts-wav: {reason}")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["-o", "x.doc"], "x.doc: no format has the suffix '.doc'; give --format"),
        (["--split"], "--split needs -o FILE"),
        (["--rate", "100"], "--rate: must be 8000 to 192000"),
        (["--subtype", "PCM_99"], "--subtype PCM_99: wav has PCM_16, PCM_24, PCM_32, FLOAT"),
        (["--format", "aac"], "argument --format: invalid choice: 'aac'"),
    ],
)
def test_wav_usage(run: Run, tmp_path: Path, arguments: list[str], reason: str) -> None:
    done = run("mlxtts-wav", *arguments, stdin=TONE)
    assert (done.returncode, done.stdout) == (2, b"")
    assert reason in error_of(done)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("mlxtts-tempo 2.1", "a tempo must be 0.5 to 2, not 2.1"),
        ("mlxtts-tempo 0.4", "a tempo must be 0.5 to 2, not 0.4"),
        ("mlxtts-tempo -1", "a tempo must be 0.5 to 2, not -1"),
        ("mlxtts-tempo nan", "a tempo must be 0.5 to 2, not nan"),
        ("mlxtts-tempo fast", "argument FACTOR: invalid float value: 'fast'"),
        ("mlxtts-tempo", "how fast? give a FACTOR, 0.5 to 2"),
        ("mlxtts-smooth --crossfade-ms 1001", "a crossfade must be 0 to 1000 ms, not 1001"),
        ("mlxtts-smooth --crossfade-ms 0", "argument --crossfade-ms: invalid positive value: '0'"),
        ("mlxtts-smooth --crossfade-ms x", "argument --crossfade-ms: invalid positive value: 'x'"),
        ("mlxtts-meter --name", "argument --name: expected one argument"),
    ],
)
def test_filters_usage(run: Run, tmp_path: Path, command: str, reason: str) -> None:
    done = run(*command.split(), "-o", "out.pcm0", stdin=TONE)
    assert (done.returncode, done.stdout) == (2, b"")
    assert error_of(done).startswith(f"{command.split()[0]}: {reason}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("stdin", "reason"),
    [
        (b"", "Format not recognised"),
        (RANDOM, "Format not recognised"),
        (TONE, "Format not recognised"),
        (WAV[:30], "Error in WAV file. No 'data' chunk marker"),
        (
            WAV[:24] + struct.pack("<I", 4_000) + WAV[28:],
            "4000 Hz is outside 8000 to 192000: give --rate",
        ),
    ],
)
def test_read(run: Run, tmp_path: Path, stdin: bytes, reason: str) -> None:
    done = run("mlxtts-read", "-o", "out.pcm0", stdin=stdin)
    assert (done.returncode, error_of(done)) == (1, f"mlxtts-read: stdin: {reason}")
    assert list(tmp_path.iterdir()) == []


def test_read_names_the_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "good.wav").write_bytes(WAV)
    (tmp_path / "bad.wav").write_bytes(RANDOM)
    for name, reason in (
        ("bad.wav", "Format not recognised"),
        ("no.wav", "No such file or directory"),
        (".", "Is a directory"),
    ):
        done = run("mlxtts-read", "good.wav", name)
        assert (done.returncode, error_of(done)) == (1, f"mlxtts-read: {name}: {reason}")
        assert len(done.stdout) == 16 + 16 + 16
    done = run("mlxtts-read", "--rate", "7", "good.wav")
    assert (done.returncode, error_of(done)) == (2, "mlxtts-read: --rate: must be 8000 to 192000")


@pytest.mark.parametrize(
    ("command", "samples", "rest", "reason"),
    [
        ("mlxtts-tempo 2", 2, TONE[:-1], "frame cut short: 31 of 32 bytes"),
        ("mlxtts-smooth", 4, RANDOM, "no PCM0 frame begins here"),
        ("mlxtts-meter", 4, TONE[:-4] + b"\0\0\xc0\x7f", "a sample is not a finite number"),
    ],
)
def test_what_came_before_the_error_is_heard(
    run: Run, command: str, samples: int, rest: bytes, reason: str
) -> None:
    done = run(command, stdin=TONE + rest)
    *report, last = done.stderr.decode().splitlines()
    assert (done.returncode, last) == (1, f"{command.split()[0]}: stdin: byte 32: {reason}")
    assert len(report) == (command == "mlxtts-meter")
    assert len(done.stdout) == 16 + 4 * samples


@pytest.mark.parametrize(
    ("stdin", "reason"),
    [
        (b"", "stdin: no text"),
        (b"\n\n \n", "stdin: no text"),
        (b"\xff\xfe\n", "stdin: line 1: not UTF-8"),
        (b"a\0b\n", "stdin: line 1: holds a NUL"),
        (b"\n... ?!\n", "stdin: line 2: nothing to speak in '... ?!'"),
        ("🎉\n".encode(), "stdin: line 1: nothing to speak in '🎉'"),
        (b"x" * 10_000_000, "stdin: line 1: longer than 1048576 bytes"),
        (b'{"text": 1}', "stdin: line 1: text must be a string"),
        (b'{"text": "a", "voice": "x"}', "voice 'x': unknown; the voices are slt, rms, awb, kal16"),
        (RANDOM.replace(b"\n", b""), "stdin: line 1: not UTF-8"),
    ],
)
def test_text(run: Run, stdin: bytes, reason: str) -> None:
    done = run("mlxtts-tokens", stdin=stdin)
    assert done.returncode == 1
    assert reason in error_of(done)
    assert done.stdout.count(b"\n") == 1  # the header


def test_a_bad_line_does_not_keep_the_others_from_being_said(run: Run) -> None:
    done = run("mlxtts-tokens", stdin=b"Yes.\n\xff\nNo.\n")
    assert done.returncode == 1
    assert error_of(done) == "mlxtts-tokens: stdin: line 2: not UTF-8"
    ends = [json.loads(line).get("end") for line in done.stdout.splitlines()]
    assert ends.count("stop") == 2


@pytest.mark.parametrize(
    ("arguments", "reason", "status"),
    [
        (["--voice", "x"], "voice 'x': unknown; the voices are slt, rms, awb, kal16", 1),
        (["--model", "nowhere"], "model 'nowhere': neither a folder nor a name", 1),
        (["--model", "."], "model '.': not a model folder: no config.json in .", 1),
        (["--max-tokens", "6"], "--max-tokens: must be at least 7, the tokens of a frame", 2),
        (["--temperature", "-1"], "--temperature: must be 0 to 100", 2),
        (["--top-p", "0"], "--top-p: must be above 0, to 1", 2),
        (["--seed", "x"], "argument --seed: invalid int value: 'x'", 2),
    ],
)
def test_tokens_usage(run: Run, arguments: list[str], reason: str, status: int) -> None:
    done = run("mlxtts-tokens", *arguments, "Hello")
    assert (done.returncode, done.stdout) == (status, b"")
    assert error_of(done).startswith(f"mlxtts-tokens: {reason}")


def test_a_cut_is_never_silent(run: Run) -> None:
    done = run("mlxtts-tokens", "--max-tokens", "14", "Hello world.")
    assert done.returncode == 1
    assert error_of(done) == "mlxtts-tokens: text: line 1: cut short at the limit of tokens"
    assert done.stdout.endswith(b'{"id":"1","end":"length"}\n')


def test_unknown_tags_are_warned_of_once(run: Run) -> None:
    done = run("mlxtts-tokens", stdin=b"Ha <laugh> ha.\nHo <laugh> ho.\n")
    assert done.returncode == 0
    assert error_of(done) == (
        "mlxtts-tokens: stdin: line 1: <laugh> left out: starter does not know it"
    )
    assert run("mlxtts-tokens", "-q", "Ha <laugh> ha.").stderr == b""


def change(folder: Path, name: str, **changes: Any) -> None:
    config = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(config | changes))


def cut(folder: Path, name: str) -> None:
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: len(data) // 2])


def unreadable(path: Path) -> None:
    """Also for root, whom no permission stops: nothing is mapped at address 0."""
    path.unlink()
    path.symlink_to("/proc/self/mem")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda f: (f / "config.json").write_text("{"), "config.json: not JSON"),
        (lambda f: change(f, "config.json", model_type="bert"), "model_type 'bert' is not impl"),
        (lambda f: change(f, "config.json", hidden_size=64), "has shape"),
        (lambda f: (f / "tokenizer.json").unlink(), "tokenizer.json: no such file"),
        (lambda f: (f / "tokenizer.json").write_text("{}"), "tokenizer.json: "),
        (lambda f: (f / "model.safetensors").unlink(), "model.safetensors: no such file"),
        (lambda f: cut(f, "model.safetensors"), "model.safetensors: cut short: "),
        (
            lambda f: unreadable(f / "model.safetensors"),
            "text: small/model.safetensors: Input/output error",
        ),
        (lambda f: unreadable(f / "config.json"), "small/config.json: Input/output error"),
        (lambda f: (f / "model.safetensors").write_bytes(RANDOM), "not a safetensors file"),
        (
            lambda f: (f / "model.safetensors").rename(f / "weights.npz"),
            "small/weights.npz: only safetensors are read, and there is no model.safetensors",
        ),
        (
            lambda f: change(f, "config.json", quantization={"bits": 7}),
            "small/config.json: quantization: mode affine: bits cannot be 7",
        ),
    ],
)
def test_damaged_models(run: Run, model_folder: Path, damage: Any, reason: str) -> None:
    damage(model_folder)
    done = run("mlxtts-tokens", "--model", "small", "Hello")
    assert done.returncode == 1
    assert error_of(done).startswith("mlxtts-tokens: ")
    assert reason in error_of(done)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda f: (f / "config.json").write_text("[]"), "config.json: not a JSON object"),
        (lambda f: change(f, "config.json", attn_window_size=32), "only SNAC's 24 kHz"),
        (lambda f: change(f, "config.json", decoder_dim=64), "has shape"),
        (
            lambda f: change(f, "config.json", decoder_rates=[8, 8, 4]),
            "no tensor decoder.model.5.alpha",
        ),
        (lambda f: (f / "model.safetensors").unlink(), "model.safetensors: no such file"),
        (lambda f: cut(f, "model.safetensors"), "model.safetensors: cut short: "),
    ],
)
def test_damaged_codecs(run: Run, model_folder: Path, damage: Any, reason: str) -> None:
    damage(model_folder / "codec")
    done = run("mlxtts-decode", "--codec", "small", stdin=HEADER + BEGIN + FRAME + END)
    assert (done.returncode, done.stdout) == (1, b"")
    assert reason in error_of(done)


@pytest.mark.parametrize(
    ("command", "stdin"),
    [
        ("mlxtts-tokens", b"Hello."),
        ("mlxtts-decode", HEADER + BEGIN + FRAME * 4 + END),
        ("mlxtts-tempo 1", TONE),
        ("mlxtts-smooth", TONE),
        ("mlxtts-meter", TONE),
        ("mlxtts-read", WAV),
        ("mlxtts-wav", TONE),
        ("mlxtts-wav --format flac", TONE),
        ("mlxtts-wav --format mp3", TONE),
        ("mlxtts-tokens --list-voices", b""),
        ("mlxtts", b""),
    ],
)
def test_a_full_disk_and_a_closed_stdout(run: Run, command: str, stdin: bytes) -> None:
    name = command.split()[0]
    done = run(f"{command} > /dev/full", stdin=stdin)
    assert (done.returncode, error_of(done)) == (1, f"{name}: stdout: No space left on device")
    done = run(f"{command} >&-", stdin=stdin)
    assert (done.returncode, error_of(done)) == (1, f"{name}: stdout: Bad file descriptor")


def test_a_closed_stdin(run: Run) -> None:
    filters = ("mlxtts-tempo 2", "mlxtts-smooth", "mlxtts-meter", "mlxtts-read")
    for command in ("mlxtts-tokens", "mlxtts-decode", "mlxtts-wav", *filters):
        name = command.split()[0]
        done = run(f"{command} <&- > out")
        assert (done.returncode, error_of(done)) == (1, f"{name}: stdin: Bad file descriptor")


def test_a_vanished_reader_ends_the_command_in_silence(run: Run) -> None:
    done = run("mlxtts-tokens A rather long line to speak. | head -n 1; echo ${PIPESTATUS[0]}")
    assert done.stdout.endswith(b"\n141\n")
    assert done.stderr == b""
    stdin = HEADER + BEGIN + FRAME * 60 + END
    done = run("mlxtts-decode | head -c 1; echo ${PIPESTATUS[0]}", stdin=stdin)
    assert (done.stdout, done.stderr) == (b"P141\n", b"")


def test_files_that_cannot_be_read_or_written(run: Run, tmp_path: Path) -> None:
    done = run("mlxtts-decode", "missing.tokens")
    assert (done.returncode, error_of(done)) == (
        1,
        "mlxtts-decode: missing.tokens: No such file or directory",
    )
    (tmp_path / "folder").mkdir()
    for command in ("mlxtts-wav folder", "mlxtts-wav -o folder --format wav"):
        done = run(command, stdin=TONE)
        assert (done.returncode, error_of(done)) == (1, "mlxtts-wav: folder: Is a directory")
    done = run("mlxtts-wav", "-o", "no/where.wav", stdin=TONE)
    assert (done.returncode, error_of(done)) == (
        1,
        "mlxtts-wav: no/where.wav: No such file or directory",
    )


@pytest.mark.skipif(not shutil.which("script"), reason="needs script on PATH")
def test_no_sound_is_written_to_a_terminal(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.tokens").write_bytes(HEADER + BEGIN + FRAME + END)
    done = run("script -qec 'mlxtts-decode t.tokens; echo status $?' /dev/null")
    said = done.stdout.decode().replace("\r\n", "\n")
    assert said == (
        "mlxtts-decode: stdout: a terminal: pipe it into another command, or give -o FILE\n"
        "status 2\n"
    )


def test_stdout_is_for_one_output(run: Run, tmp_path: Path) -> None:
    done = run("mlxtts-tokens Hi | mlxtts-decode --timings -")
    assert (done.returncode, done.stdout) == (2, b"")
    assert error_of(done) == (
        "mlxtts-decode: stdout: two outputs cannot go there: name a file for one"
    )
    done = run("mlxtts-tokens Hi | mlxtts-decode --timings - -o sound")
    assert done.stdout.startswith(b'{"id": "1"'), done.stderr
    done = run("mlxtts-compare --method normal -o - Hi")
    assert (done.returncode, error_of(done)) == (
        2,
        "mlxtts-compare: -o: a page with recordings beside it needs the name of a file",
    )
    assert [path.name for path in tmp_path.iterdir()] == ["sound"]
