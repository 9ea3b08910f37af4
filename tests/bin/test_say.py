"""mlxtts-say: a pipeline in one process."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.conftest import STARTER, Run, error_of, needs_pulse
from tests.fakehub import Hub, read
from tests.pulse import Loudspeaker

TEXT = b"One.\n\nTwo, three.\n"


def test_it_sounds_as_the_pipeline_does(run: Run, tmp_path: Path) -> None:
    pipeline = "mlxtts-tokens --voice rms --seed 2 | mlxtts-decode | mlxtts-wav -o a.wav"
    assert run(pipeline, stdin=TEXT).returncode == 0
    done = run("mlxtts-say", "-v", "rms", "--seed", "2", "-o", "b.wav", stdin=TEXT)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    (expected, _), (found, rate) = (soundfile.read(tmp_path / name) for name in ("a.wav", "b.wav"))
    assert rate == 24_000
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_file_a_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "lines").write_bytes(TEXT)
    line = "mlxtts-say --file-prefix count --format flac --rate 16000 --speed 2 -f lines"
    assert run(line).returncode == 0
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["count_000.flac", "count_001.flac", "lines"]
    fast = soundfile.info(tmp_path / "count_000.flac")
    assert fast.samplerate == 16_000
    run("mlxtts-say --file-prefix slow One.")
    assert abs(soundfile.info(tmp_path / "slow_000.wav").duration / 2 - fast.duration) < 0.01


def test_files_keep_the_numbers_of_their_lines(run: Run, tmp_path: Path) -> None:
    done = run("mlxtts-say --file-prefix p", stdin=b"One.\n\n...\nThree.\n")
    assert (done.returncode, error_of(done)) == (
        1,
        "mlxtts-say: stdin: line 3: nothing to speak in '...'",
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p_000.wav", "p_002.wav"]


def test_several_lines_at_a_time(run: Run, tmp_path: Path) -> None:
    lines = b"One, two.\n\n...\nThree.\n* * *\nFour, five, six.\nSeven.\n"
    for options in ("--file-prefix one", "--width 3 --file-prefix many"):
        done = run(f"mlxtts-say --temperature 0 {options}", stdin=lines)
        reason = "mlxtts-say: stdin: line 3: nothing to speak in '...'"
        assert (done.returncode, error_of(done)) == (1, reason)
    names = sorted(path.name[4:] for path in tmp_path.glob("one_*"))
    assert names == ["000.wav", "002.wav", "003.wav", "004.wav"]
    for name in names:
        one, many = (soundfile.read(tmp_path / f"{way}_{name}")[0] for way in ("one", "many"))
        assert one.shape == many.shape
        assert abs(one - many).max() < 0.01


def test_wav_to_a_pipe(run: Run) -> None:
    done = run("mlxtts-say -o - Oh | wc -c")
    assert int(done.stdout) > 10_000


def test_a_dash_is_stdin(run: Run) -> None:
    without, dash = (run(f"mlxtts-say -o - {words}", stdin=b"Oh.\n") for words in ("", "-"))
    assert (dash.returncode, dash.stderr) == (0, b"")
    assert dash.stdout == without.stdout


def test_voices_are_listed_as_say_does(run: Run) -> None:
    assert run("mlxtts-say", "-v", "?").stdout == b"slt\nrms\nawb\nkal16\n"


def test_a_line_that_cannot_be_said_is_reported_and_the_others_said(
    run: Run, tmp_path: Path
) -> None:
    done = run("mlxtts-say -o x.wav", stdin=b"One.\n...\nTwo.\n")
    assert done.returncode == 1
    assert error_of(done) == "mlxtts-say: stdin: line 2: nothing to speak in '...'"
    assert soundfile.info(tmp_path / "x.wav").duration > 1


@pytest.mark.parametrize(
    ("options", "status", "reason"),
    [
        ("-o a.wav --file-prefix b Hi", 2, "words or --file, and -o or --file-prefix: one of them"),
        ("-f a Hi", 2, "words or --file, and -o or --file-prefix: one of them"),
        ("-f a -", 2, "words or --file, and -o or --file-prefix: one of them"),
        ("--speed 3 -o a.wav Hi", 2, "a tempo must be 0.5 to 2, not 3"),
        ("--ref-audio me.wav -o a.wav Hi", 2, "starter cannot take the voice of a recording"),
        ("--lang fr -o a.wav Hi", 2, "language 'fr': starter has en"),
        ("--format aiff -o a.wav Hi", 2, "format 'aiff': must be wav, raw, flac, ogg, opus, mp3"),
        ("--format mp3 Hi", 2, "--format and --rate: what is only played has none"),
        ("--rate 8000 --play Hi", 2, "--format and --rate: what is only played has none"),
        ("-o a.xyz Hi", 2, "a.xyz: no format has the suffix '.xyz'; give --format"),
        (
            "-v nobody -o a.wav Hi",
            1,
            "voice 'nobody': unknown; the voices are slt, rms, awb, kal16",
        ),
        ("-f nowhere -o a.wav", 1, "nowhere: No such file or directory"),
        ("-o no/where.wav Hi", 1, "no/where.wav: No such file or directory"),
    ],
)
def test_bad_input(run: Run, tmp_path: Path, options: str, status: int, reason: str) -> None:
    done = run(f"mlxtts-say {options}")
    assert (done.returncode, error_of(done)) == (status, f"mlxtts-say: {reason}")
    assert not (tmp_path / "a.wav").exists()


@pytest.mark.parametrize("rate", ["-1", "0", "44", "5000000000"])
def test_rates_that_no_file_has(run: Run, tmp_path: Path, rate: str) -> None:
    done = run(f"mlxtts-say --rate {rate} -o a.wav Hi")
    assert (done.returncode, done.stdout) == (2, b"")
    assert "argument --rate: must be 8000 to 192000" in error_of(done)
    assert not list(tmp_path.iterdir())


@needs_pulse
@pytest.mark.parametrize("option", ["--stream", "--no-stream"])
def test_it_is_heard(run: Run, loudspeaker: Loudspeaker, option: str) -> None:
    done = run("mlxtts-say", option, "Hello there.", **loudspeaker.env)
    assert (done.returncode, done.stdout) == (0, b"")
    assert np.sqrt(np.mean(loudspeaker.heard() ** 2)) > 0.01


@needs_pulse
def test_it_is_heard_and_kept(run: Run, loudspeaker: Loudspeaker, tmp_path: Path) -> None:
    done = run("mlxtts-say --play -o kept.wav Hello.", **loudspeaker.env)
    assert done.returncode == 0
    assert np.abs(loudspeaker.heard()).max() > 0.05
    assert soundfile.info(tmp_path / "kept.wav").duration > 0.3


@pytest.mark.parametrize("left_out", ["codec/", "training/"])
def test_a_revision_is_one_of_the_models_and_not_of_its_codecs(
    online: Run, published: Hub, left_out: str
) -> None:
    """Whether the codec is of another repository, or the model's own."""
    published.add("me/mine", read(STARTER, left_out, "training/"), "v2")
    done = online("mlxtts-say --model me/mine --revision v2 -o - Oh. | wc -c")
    assert int(done.stdout) > 10_000, done.stderr


def test_a_file_is_left_alone_when_nothing_can_be_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"precious")
    done = run("mlxtts-say -o a.wav ...")
    assert done.returncode == 1
    assert error_of(done) == "mlxtts-say: text: line 1: nothing to speak in '...'"
    assert (tmp_path / "a.wav").read_bytes() == b"precious"
