"""The main job: real commands, piped."""

import json
import os
import re
import select
import subprocess
import time
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mlxtts.nn.quantization import Packing
from mlxtts.wire import pcm0, tokens
from mlxtts.wire.tokens import Begin, Codes, End, Header
from tests import checkpoints
from tests.conftest import STARTER, Run, environment, error_of

TEXT = "Hello world. This is a small voice."


def samples(data: bytes) -> np.ndarray:
    frames = list(pcm0.Reader().read([data]))
    return np.concatenate([np.frombuffer(frame.payload, "<f4") for frame in frames])


def test_text_becomes_a_sound_file(run: Run, tmp_path: Path) -> None:
    done = run("echo Hello world. | mlxtts-tokens | mlxtts-decode | mlxtts-wav -o hello.wav")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    sound, rate = soundfile.read(tmp_path / "hello.wav")
    assert rate == 24_000
    assert 0.5 < len(sound) / rate < 3
    assert 0.02 < np.sqrt(np.mean(sound**2)) < 0.5
    assert not list(tmp_path.glob(".*"))


def test_verbose_commands_say_what_they_do(run: Run) -> None:
    done = run("mlxtts-tokens -v Hello. | mlxtts-decode -v | mlxtts-wav -v -o hello.wav")
    said = sorted(re.sub(r"\d+\.\d\d", "T", line) for line in done.stderr.decode().splitlines())
    assert said == [
        "mlxtts-decode: snac loaded from starter in T s",
        "mlxtts-tokens: starter loaded in T s",
        "mlxtts-tokens: text: line 1: spoken in T s",
        "mlxtts-wav: hello.wav: T s at 24000 Hz",
    ]


def test_the_same_seed_gives_the_same_bytes(run: Run) -> None:
    line = "mlxtts-tokens --seed {} " + TEXT + " | mlxtts-decode"
    one, same, other = (run(line.format(seed)).stdout for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_a_dash_is_stdin(run: Run) -> None:
    done = run("mlxtts-tokens", "-", stdin=b"Hi.\n")
    assert done.stdout == run("mlxtts-tokens", stdin=b"Hi.\n").stdout != b""
    assert done.stderr == b""
    assert run("mlxtts-tokens a -").stdout == run("mlxtts-tokens", stdin=b"a -\n").stdout


def test_what_the_tokens_say(run: Run) -> None:
    done = run("mlxtts-tokens", "--seed", "5", "--voice", "rms", TEXT)
    records = list(tokens.Reader().read([done.stdout]))
    assert records[:2] == [
        Header("snac", "starter", 24_000, "starter", "rms", 5),
        Begin("1", TEXT),
    ]
    assert records[-1] == End("1", "stop")
    frames = [record for record in records if isinstance(record, Codes)]
    assert len(frames) == len(records) - 3
    assert all(len(f.codes) == 7 and 0 <= min(f.codes) <= max(f.codes) < 1024 for f in frames)
    assert [f.text for f in frames if f.text] == ["Hello world.", "This is a small voice."]


def test_streams_are_exact_in_real_pipes(run: Run) -> None:
    """Whatever divides the work, the samples are those of decoding all at once."""
    run(f"mlxtts-tokens {TEXT} > t")
    whole = samples(run("mlxtts-decode --chunk-tokens 7000 t").stdout)
    frames = run("grep -c codes t").stdout
    pause = len(whole) - 2048 * int(frames)
    assert pause == round(0.2 * 24_000)  # between the two sentences
    for options in ("", "--chunk-tokens 7", "--chunk-tokens 35", "--chunk-ms 33"):
        streamed = samples(run(f"cat t | mlxtts-decode {options}").stdout)
        assert len(streamed) == len(whole)
        np.testing.assert_allclose(streamed, whole, atol=1e-5)


def test_frames_are_of_the_length_asked_for(run: Run) -> None:
    run(f"mlxtts-tokens {TEXT} > t")
    done = run("mlxtts-decode --chunk-ms 20 t")
    lengths = [frame.num_samples for frame in pcm0.Reader().read([done.stdout])]
    assert set(lengths[:-2]) == {480}
    assert lengths[-1] == 0


def test_streams_can_be_concatenated(run: Run, tmp_path: Path) -> None:
    run("mlxtts-tokens One. > 1; mlxtts-tokens --voice rms Two. > 2; cat 1 2 > 12")
    both = run("mlxtts-decode 12").stdout
    assert both == run("mlxtts-decode 1 2").stdout
    assert both == run("mlxtts-decode 1").stdout + run("mlxtts-decode 2").stdout
    done = run("mlxtts-wav", "--split", "-o", "n.wav", "--append-silence", "0.1", stdin=both)
    assert done.returncode == 0
    parts = [soundfile.read(path)[0] for path in sorted(tmp_path.glob("n_*.wav"))]
    assert len(parts) == 2
    assert sum(map(len, parts)) == len(samples(both)) + 2 * 2400


def test_empty_lines_are_pauses(run: Run) -> None:
    done = run("mlxtts-tokens", stdin=b"One.\n\n\nTwo.\n")
    begins = [json.loads(line).get("begin") for line in done.stdout.splitlines()]
    assert [begin for begin in begins if begin] == [
        {"text": "One."},
        {"text": "Two.", "pause": 1.0},
    ]
    decoded = samples(run("mlxtts-decode", stdin=done.stdout).stdout)
    assert max(len(list(run)) for silent, run in groupby(decoded == 0) if silent) >= 24_000


def test_trim_leaves_out_the_first_silence(run: Run) -> None:
    run("mlxtts-tokens Hello. > t")
    whole = samples(run("mlxtts-decode t").stdout)
    trimmed = samples(run("mlxtts-decode --trim t").stdout)
    assert len(trimmed) <= len(whole)
    np.testing.assert_array_equal(trimmed, whole[-len(trimmed) :])
    onset = np.argmax(np.abs(trimmed) > 10 ** (-50 / 20))
    assert onset <= 240


LINES = b"One line of text.\nTwo.\n\nThree comes after that.\n{bad\nFour.\n"


def by_id(data: bytes) -> dict[str, list[tokens.Record]]:
    """The records of each utterance, which must be in one piece."""
    records = list(tokens.Reader().read([data]))[1:]
    pieces = {name: list(group) for name, group in groupby(records, lambda r: r.id)}
    assert sum(map(len, pieces.values())) == len(records)
    return pieces


def test_lines_that_are_spoken_together_are_what_they_are_alone(run: Run) -> None:
    alone, together, unordered = (
        run(f"mlxtts-tokens --seed 4 --temperature 0 {options}", stdin=LINES)
        for options in ("", "--width 3", "--width 8 --unordered")
    )
    assert alone.stdout == together.stdout
    assert by_id(alone.stdout) == by_id(unordered.stdout)
    error = b"mlxtts-tokens: stdin: line 5: begins with { but is not JSON\n"
    assert {done.stderr for done in (alone, together, unordered)} == {error}
    assert {done.returncode for done in (alone, together, unordered)} == {1}


def test_utterances_of_one_name_are_spoken_after_each_other(run: Run) -> None:
    lines = b"".join(b'{"id":"x","text":"%s."}\n' % word for word in (b"One", b"Two", b"Three"))
    done = run("mlxtts-tokens --width 3", stdin=lines)
    begun = [r for r in tokens.Reader().read([done.stdout]) if isinstance(r, Begin)]
    assert [record.text for record in begun] == ["One.", "Two.", "Three."]


@pytest.mark.parametrize("width", ["1", "4"])
def test_a_line_is_spoken_before_the_next_is_written(tmp_path: Path, width: str) -> None:
    """Sound of the first line comes out of the pipeline while its writer waits."""
    with subprocess.Popen(
        f"mlxtts-tokens --width {width} | mlxtts-decode",
        shell=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
    ) as pipeline:
        assert pipeline.stdin
        assert pipeline.stdout
        reader = pcm0.Reader()
        for line in (b"One.\n", b"Two.\n"):
            pipeline.stdin.write(line)
            pipeline.stdin.flush()
            frames: list[pcm0.Frame] = []
            while not any(frame.is_end for frame in frames):
                ready, _, _ = select.select([pipeline.stdout], [], [], 60)
                assert ready
                frames += reader.feed(os.read(pipeline.stdout.fileno(), 65536))
            assert sum(frame.num_samples for frame in frames) > 5_000
        pipeline.stdin.close()
        assert pipeline.stdout.read() == b""


def test_sound_leaves_while_tokens_come(run: Run) -> None:
    """The first samples leave after three frames, each further frame brings its own."""
    lines = run("mlxtts-tokens", TEXT).stdout.splitlines(keepends=True)
    with subprocess.Popen(
        ["mlxtts-decode"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()
    ) as decode:
        assert decode.stdin
        assert decode.stdout
        reader = pcm0.Reader()
        counts = []
        for number, line in enumerate(lines[:7]):
            decode.stdin.write(line)
            decode.stdin.flush()
            wait = 30 if number >= 4 else 0.2
            ready, _, _ = select.select([decode.stdout], [], [], wait)
            data = os.read(decode.stdout.fileno(), 65536) if ready else b""
            counts.append(sum(frame.num_samples for frame in reader.feed(data)))
        assert counts == [0, 0, 0, 0, 3 * 2048 - 4757, 2048, 2048]
        decode.kill()


def test_a_model_of_ones_own(run: Run, model_folder: Path) -> None:
    line = "mlxtts-tokens --model small --max-tokens 70 Hello | mlxtts-decode | mlxtts-wav -o x.wav"
    done = run(line)
    assert done.stderr.decode().endswith(": cut short at the limit of tokens\n")
    assert len(soundfile.read(model_folder.parent / "x.wav")[0]) == 10 * 2048
    elsewhere = model_folder.rename(model_folder.parent / "other")
    done = run("mlxtts-tokens --model other --max-tokens 7 Hello")
    assert json.loads(done.stdout.splitlines()[0])["codec_path"] == str(elsewhere.resolve())


@pytest.mark.parametrize("shards", [1, 2])
def test_a_quantised_model(run: Run, tmp_path: Path, shards: int) -> None:
    packed, plain = checkpoints.quantise(checkpoints.tensors(), lambda _: Packing(64, 4))
    folder = checkpoints.write(tmp_path / "packed", packed, {"group_size": 64, "bits": 4})
    checkpoints.write(tmp_path / "plain", plain)
    if shards > 1:
        checkpoints.shard(folder, shards)
    spoken = [
        run(f"mlxtts-tokens --model {name} --temperature 0 --max-tokens 70 Hello").stdout
        for name in ("packed", "plain")
    ]
    assert [len(text.splitlines()) for text in spoken] == [13, 13]
    assert spoken[0].splitlines()[1:] == spoken[1].splitlines()[1:]


def test_an_option_changes_what_is_said(run: Run) -> None:
    spoken = {
        run("mlxtts-tokens", *options.split(), TEXT).stdout
        for options in (
            "",
            "--temperature 0",
            "--temperature 1.5",
            "--top-p 0.5",
            "--top-k 2",
            "--min-p 0.5",
            "--repetition-penalty 1.5",
            "--voice rms",
            "--seed 1",
        )
    }
    assert len(spoken) == 9


@pytest.mark.parametrize("seconds", [0.3])
def test_loading_is_quick(run: Run, seconds: float) -> None:
    """A generous bound on a loaded machine; tests/bench measures."""
    code = (
        "import time; from mlxtts.engine import Speaker; s = Speaker('starter'); "
        "t = time.perf_counter(); s.load(); print(time.perf_counter() - t)"
    )
    times = []
    for _ in range(3):
        started = time.perf_counter()
        done = run("python", "-c", code, PYTHONPATH=str(Path(__file__).parents[2]))
        times.append(float(done.stdout))
        assert time.perf_counter() - started < 60
    assert min(times) < seconds


def test_pauses_in_the_text(run: Run) -> None:
    """They take the place of the usual one between sentences, or add to that of empty lines."""
    text = "One [pause:2s] two. Three.\n\n<break time='1500ms'/>Four. [pause:9s]\n[pause:1s]\n"
    done = run("mlxtts-tokens", stdin=text.encode())
    assert error_of(done) == "mlxtts-tokens: stdin: line 4: nothing to speak in '[pause:1s]'"
    assert done.returncode == 1
    records = [json.loads(line) for line in done.stdout.splitlines()]
    usual = json.loads((STARTER / "config.json").read_bytes())["segment_pause"]
    begins = [record["begin"].get("pause", 0) for record in records if "begin" in record]
    between = [record["pause"] for record in records if "codes" in record and "pause" in record]
    assert begins == [0, 2.0]
    assert between == [2.0, usual]


def test_a_pause_is_heard(run: Run) -> None:
    seconds = []
    for text in ("One. Two.", "One. [pause:3s] Two."):
        done = run("mlxtts-tokens --seed 7 | mlxtts-decode", stdin=text.encode())
        frames = pcm0.Reader().read(iter([done.stdout]))
        seconds.append(sum(len(frame.payload) / 4 / frame.rate for frame in frames))
    assert seconds[1] - seconds[0] == pytest.approx(2.8, abs=0.001)  # 0.2 s are there anyway


@pytest.mark.parametrize("markup", ["[pause:soon]", "<break time='61s'/>", "<break size='1s'/>"])
def test_a_bad_pause_spoils_its_line_only(markup: str, run: Run) -> None:
    done = run("mlxtts-tokens", stdin=f"One {markup} two.\nThree.\n".encode())
    assert done.returncode == 1
    assert error_of(done).startswith("mlxtts-tokens: stdin: line 1: ")
    assert markup in error_of(done)
    assert done.stdout.count(b'"begin"') == 1


def test_a_lexicon(run: Run, tmp_path: Path) -> None:
    (tmp_path / "words.tsv").write_text("nginx\tengine x\ncat\t/kˈæt/\n")
    command = "mlxtts-tokens --lexicon words.tsv"
    found = run(command, stdin=b"The cat's [nginx](/x/) and nginx's")
    assert error_of(found) == (
        "mlxtts-tokens: stdin: line 1: (/x/) left out: starter does not know it"
    )
    expected = run("mlxtts-tokens", stdin=b"The cat's engine x and engine x's")
    codes = [
        [line for line in done.stdout.splitlines() if b'"codes"' in line]
        for done in (found, expected)
    ]
    assert codes[0] == codes[1] != []


@pytest.mark.parametrize("command", ["mlxtts-tokens", "mlxtts-say -o a.wav", "mlxtts-ws --port 0"])
def test_a_bad_lexicon(command: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "words.tsv").write_text("# one\nnginx engine\n")
    done = run(f"{command} --lexicon words.tsv", stdin=b"One.\n")
    reason = "line 2: not a word, a tab and how it sounds: 'nginx engine'"
    assert error_of(done) == f"{command.split()[0]}: words.tsv: {reason}"
    assert done.returncode == 1
    done = run(f"{command} --lexicon none.tsv", stdin=b"One.\n")
    assert error_of(done) == f"{command.split()[0]}: none.tsv: No such file or directory"
    assert not (tmp_path / "a.wav").exists()
