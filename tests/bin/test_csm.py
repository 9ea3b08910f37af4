"""CSM from text to sound, with a small model and codec of random weights."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mlxtts import generate_audio, load_model
from mlxtts.api.speech import SpeechWarning
from mlxtts.models.csm import Config
from tests import csm, mimi, weights
from tests.conftest import Run

BOOKS = weights.MIMI_SMALL["num_quantizers"]
CONFIG = csm.SMALL | {
    "num_codebooks": BOOKS,
    "codec_config": {"codebook_size": weights.MIMI_SMALL["codebook_size"]},
    "depth_decoder_config": csm.SMALL["depth_decoder_config"] | {"num_codebooks": BOOKS},
}
SAMPLES = 80  # of a frame of the small codec


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = csm.folder(tmp_path_factory.mktemp("csm") / "model", CONFIG)
    mimi.write(folder / "codec", weights.MIMI_SMALL, weights.mimi(weights.MIMI_SMALL))
    return folder


def test_a_pipeline(run: Run, model: Path) -> None:
    said = f"mlxtts-tokens -q --model {model} --voice 1 --max-tokens {9 * BOOKS}"
    tokens = run(f"printf 'one.\\ntwo.\\n' | {said} || test $? = 1").stdout
    head = json.loads(tokens.splitlines()[0])
    assert (head["codec"], head["codec_path"]) == ("mimi", str(model))
    frames = sum(b'"codes"' in line for line in tokens.splitlines())
    assert frames == 18
    done = run("mlxtts-decode | mlxtts-wav", stdin=tokens)
    assert done.returncode == 0, done.stderr
    samples, rate = soundfile.read(io.BytesIO(done.stdout))
    assert rate == head["rate"]
    assert len(samples) == frames * SAMPLES
    assert np.sqrt(np.mean(samples**2)) > 0.01


def test_several_at_a_time_say_the_same(run: Run, model: Path) -> None:
    lines = "printf 'one.\\ntwo.\\nthree.\\n'"
    command = f"{lines} | mlxtts-tokens -q --model {model} --max-tokens {5 * BOOKS}"
    one, many = (run(f"{command} {more} || test $? = 1").stdout for more in ("", "--width 3"))
    assert one == many
    assert one.count(b'"end"') == 3


def test_say(run: Run, model: Path) -> None:
    done = run(f"mlxtts-say --model {model} -v 0 -o out.wav hi; cat out.wav")
    assert done.stderr == b"mlxtts-say: text: line 1: cut short at the limit of tokens\n"
    samples, _ = soundfile.read(io.BytesIO(done.stdout))
    assert len(samples) == Config.read(model).frame_limit(len("hi")) * SAMPLES


def test_an_unknown_speaker(run: Run, model: Path) -> None:
    done = run(f"mlxtts-say --model {model} -v ann hi")
    assert done.returncode == 1
    assert done.stderr == b"mlxtts-say: voice 'ann': unknown; the voices are 0, 1\n"


def recording(path: Path, seconds: float = 0.2) -> Path:
    time = np.arange(round(44_100 * seconds)) / 44_100
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 220 * time * (1 + time)), 44_100)
    return path


def test_the_voice_of_a_recording(run: Run, model: Path, tmp_path: Path) -> None:
    recording(tmp_path / "me.wav")
    say = f"mlxtts-say -q --model {model} -o out.wav hi"
    plain, taken, again, other = (
        run(f"{say} {more}; cat out.wav").stdout
        for more in (
            "",
            "--ref-audio me.wav --ref-text 'what I said'",
            "--ref-audio me.wav --ref-text 'what I said'",
            "--ref-audio me.wav --ref-text 'what you said'",
        )
    )
    assert taken == again
    assert len({plain, taken, other}) == 3
    tokens = f"mlxtts-tokens -q --model {model} --ref-audio me.wav --ref-text 'what I said' hi"
    made = run(f"{tokens} > x.tokens || test $? = 1; mlxtts-decode x.tokens | mlxtts-wav -o x.wav")
    assert (made.returncode, made.stderr) == (
        0,
        b"mlxtts-tokens: text: line 1: cut short at the limit of tokens\n",
    )
    assert (tmp_path / "x.wav").read_bytes() == taken


@pytest.mark.parametrize("command", ["mlxtts-say", "mlxtts-tokens"])
@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ("--ref-text a", "--ref-text: needs the recording in which it is said"),
        ("--ref-audio cut.wav --ref-text a", "cut.wav: cut short: 956 of 17640 bytes"),
        ("--ref-audio me.wav", "--ref-audio: needs what is said in it"),
        ("--ref-audio none.wav --ref-text a", "none.wav: No such file or directory"),
        ("--ref-audio text.wav --ref-text a", "text.wav: Format not recognised"),
        ("--ref-audio long.wav --ref-text a", "a recording for its voice must be one of 0 to 30 s"),
    ],
)
def test_what_is_no_example(
    run: Run, model: Path, tmp_path: Path, command: str, more: str, reason: str
) -> None:
    whole = recording(tmp_path / "me.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[:1000])
    recording(tmp_path / "long.wav", 31)
    (tmp_path / "text.wav").write_text("text")
    done = run(f"{command} --model {model} -o out.wav {more} hi")
    assert done.returncode in (1, 2)
    assert done.stderr.decode() == f"{command}: {reason}\n"
    assert not (tmp_path / "out.wav").exists()


def test_the_voice_of_a_recording_from_python(model: Path, tmp_path: Path) -> None:
    speech = load_model(str(model))
    samples = np.random.default_rng(0).standard_normal(900).astype(np.float32) * 0.1
    kept = []
    for n, more in enumerate(({}, {"ref_audio": samples, "ref_text": "noise"}, {})):
        prefix = str(tmp_path / f"said{n}")
        with pytest.warns(SpeechWarning, match="cut short"):
            (path,) = generate_audio("hi", speech, file_prefix=prefix, **more)  # type: ignore[arg-type]
        kept.append(path.read_bytes())
    assert kept[0] == kept[2] != kept[1]
    speech.check(recording=samples, said="noise")
    speech.check(voice="1")
    for n, more in enumerate(({}, {"ref_audio": -samples, "ref_text": "noise"}, {})):
        prefix = str(tmp_path / f"said{n}")
        with pytest.warns(SpeechWarning, match="cut short"):
            (path,) = generate_audio("hi", speech, file_prefix=prefix, **more)  # type: ignore[arg-type]
        assert (path.read_bytes() == kept[1]) == (not more), "what was set is kept"
