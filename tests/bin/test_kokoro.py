"""Kokoro through the real commands: phonemes in token lines, sound, times and captions."""

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests import kokoro
from tests.conftest import Run, error_of
from tests.nn.test_pickled import stored, write
from tests.serve.servers import listen, receive, running, send, start

pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("misaki", "spacy", "phonemizer")),
    reason="needs mlxtts[en]",
)
LINES = {
    "a": ("af_heart", "Hello world.", "həlˈO wˈɜɹld."),
    "b": ("bf_emma", "Hello world.", "həlˈQ wˈɜːld."),
    "e": ("ef_dora", "Hola mundo.", "ˈola mˈundo."),
    "f": ("ff_siwis", "Bonjour.", "bɔ̃ʒˈuʁ."),
    "i": ("if_sara", "Buongiorno.", "bʊonʤˈɔrno."),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(kokoro.folder(tmp_path_factory.mktemp("models") / "kokoro"))


def records(output: bytes) -> list[dict]:
    return [json.loads(line) for line in output.decode().splitlines()]


@pytest.mark.parametrize("language", LINES)
def test_token_lines_carry_phonemes(run: Run, model: str, language: str) -> None:
    voice, text, phonemes = LINES[language]
    done = run("mlxtts-tokens", "--model", model, "--voice", voice, text)
    head, begin, codes, end = records(done.stdout)
    assert head["codec"] == "kokoro"
    assert head["codec_path"] == head["model"] == model
    assert begin["begin"] == {"text": text, "voice": voice}
    assert codes == {"id": "1", "codes": phonemes, "text": text, "words": text.split()}
    assert end["end"] == "stop"
    assert not done.stderr


def test_phonemes_can_be_corrected_with_sed(run: Run, model: str) -> None:
    """What comes of corrected phonemes is what comes of a pronunciation in the text."""
    tokens = f"mlxtts-tokens --model {model}"
    done = run(
        f"{tokens} 'I like Kokoro.' > a.tokens;"
        f"{tokens} 'I like [Kokoro](/kəkˈOɹO/).' | mlxtts-decode > wanted.pcm0;"
        "sed -E '/codes/s/k[^ ]*ɹO/kəkˈOɹO/' a.tokens | mlxtts-decode > found.pcm0;"
        "cmp wanted.pcm0 found.pcm0; ! mlxtts-decode a.tokens | cmp -s - found.pcm0"
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_speed_and_language_and_blend(run: Run, model: str) -> None:
    base = f"mlxtts-tokens --model {model}"
    done = run(f"{base} --speed 2 --lang b --voice af_heart:0.7+bf_emma:0.3 Tomato.")
    _, begin, codes, _ = records(done.stdout)
    assert begin["begin"]["speed"] == 2
    assert begin["begin"]["voice"] == "af_heart:0.7+bf_emma:0.3"
    assert codes["codes"] == "təmˈɑːtQ."
    assert "voice af_heart:0.7+bf_emma:0.3 is of another language than b" in error_of(done)
    done = run(f"{base} --lang e Hola.")
    assert records(done.stdout)[0]["voice"] == "ef_dora"
    long = run(f"{base} --speed 0.5 Hello. | mlxtts-decode | wc -c")
    short = run(f"{base} --speed 2 Hello. | mlxtts-decode | wc -c")
    assert int(long.stdout) > 2 * int(short.stdout)


def energy(path: Path, start: float, stop: float) -> float:
    samples, _ = soundfile.read(path)
    return float(np.square(samples[round(start * 24000) : round(stop * 24000)]).mean())


def test_timings_and_captions_fit_the_sound(run: Run, model: str, tmp_path: Path) -> None:
    line = (
        f"mlxtts-tokens --model {model} 'One two. [pause:1s] Three four.' > x;"
        "mlxtts-tokens 'Five.' >> x;"
        "mlxtts-decode x --timings t.json --captions c.srt | mlxtts-wav -o x.wav"
    )
    done = run(line)
    assert done.returncode == 0, done.stderr
    passages = records((tmp_path / "t.json").read_bytes())
    assert [passage["text"] for passage in passages] == ["One two.", "Three four.", "Five."]
    one, three, five = passages
    assert [word["word"] for word in one["words"]] == ["One", "two."]
    assert three["start"] == pytest.approx(one["end"] + 1)
    assert five["start"] == pytest.approx(three["end"])
    assert "words" not in five
    assert five["end"] == pytest.approx(soundfile.info(tmp_path / "x.wav").duration, abs=1e-3)
    for word in one["words"] + three["words"]:
        assert 0 < word["end"] - word["start"] < 3
        assert energy(tmp_path / "x.wav", word["start"], word["end"]) > 1e-5
    assert energy(tmp_path / "x.wav", one["end"] + 0.01, three["start"] - 0.01) == 0
    captions = (tmp_path / "c.srt").read_text().split("\n\n")
    assert [caption.split("\n")[-1] for caption in captions[:3]] == [
        "One two.",
        "Three four.",
        "Five.",
    ]


def test_what_was_trimmed_was_not_heard(run: Run, model: str, tmp_path: Path) -> None:
    done = run(
        "mlxtts-tokens Hello. > x; mlxtts-decode x --timings a > a.pcm0;"
        "mlxtts-decode --trim x --timings b > b.pcm0; wc -c < a.pcm0; wc -c < b.pcm0"
    )
    whole, trimmed = map(int, done.stdout.split())
    [a], [b] = (records((tmp_path / name).read_bytes()) for name in "ab")
    assert b["start"] == 0
    assert a["end"] - b["end"] == pytest.approx((whole - trimmed) / 4 / 24000, abs=0.01)


@pytest.mark.parametrize(
    ("command", "status", "reason"),
    [
        ("mlxtts-tokens --model {} --lang xx hi", 2, "language 'xx': unknown; the languages are a"),
        (
            "mlxtts-tokens --model {} --voice no hi",
            1,
            "voice 'no': unknown; the voices are af_heart",
        ),
        ("mlxtts-tokens --model {} --voice af_heart:x hi", 2, "a blend is like af_heart:0.7+af_be"),
        ("mlxtts-tokens --model {} --speed 3 hi", 2, "--speed 3: must be 0.5 to 2"),
        ("mlxtts-tokens --speed 1.5 hi", 2, "--speed: starter has one speed: see mlxtts-tempo"),
        ("mlxtts-tokens --lang fr hi", 2, "language 'fr': starter has en"),
        ("mlxtts-tokens --model {} --temperature 1 hi", 2, "--temperature: {} draws nothing"),
        ("mlxtts-tokens --model {} --max-tokens 70 hi", 2, "--max-tokens: {} speaks no tokens"),
        ("mlxtts-tokens --model {} ...", 1, "nothing to speak in '...'"),
        ("mlxtts-tokens --model {} hi | mlxtts-decode --chunk-tokens 7", 2, "whole segments"),
        (
            "mlxtts-tokens --model {} hi | sed s/hˈI/h@I/ | mlxtts-decode",
            1,
            "phonemes of Kokoro: '@'",
        ),
        ("mlxtts-tokens --model {} hi | sed s/hˈI// | mlxtts-decode", 1, "line 3: codes must be"),
        (
            "mlxtts-tokens --model {} hi | sed s/af_h/xx/ | mlxtts-decode",
            1,
            "line 2: voice 'xxeart'",
        ),
        ("mlxtts-tokens hi | mlxtts-decode --captions x.txt", 2, "must end in .srt or .vtt"),
        ("mlxtts-tokens hi | mlxtts-decode --timings no/x", 1, "no/x: No such file or directory"),
    ],
)
def test_bad_input(run: Run, model: str, command: str, status: int, reason: str) -> None:
    done = run(command.format(model))
    assert done.returncode == status
    assert reason.format(model) in error_of(done)
    assert "\n" not in error_of(done)


def test_say_and_the_server(run: Run, model: str, tmp_path: Path) -> None:
    done = run("mlxtts-say", "--model", model, "--speed", "2", "-o", "x.wav", "Hello there.")
    assert done.returncode == 0, done.stderr
    with running("--model", model) as server:
        said = run(f"echo 'Hello there. And you?' | mlxtts-recv {server.address} > x.pcm0")
        assert said.returncode == 0, said.stderr
    assert (tmp_path / "x.pcm0").stat().st_size > 24000


def test_a_quantised_folder_has_all_voices(run: Run, tmp_path: Path) -> None:
    folder = kokoro.folder(tmp_path / "whole", voices=("af_heart",))
    pack = kokoro.voice(kokoro.SMALL, 7)
    np.savez(folder / "voices.npz", bf_emma=pack)
    write(folder / "voices" / "ef_dora.pt", stored("0", pack), {"0": pack})
    done = run("mlxtts-quantize", "--bits", "8", "--no-measure", "whole", "small")
    assert done.returncode == 0, done.stderr
    for name in ("whole", "small"):
        listed = run("mlxtts-tokens", "--model", f"./{name}", "--list-voices")
        assert listed.stdout.split() == [b"af_heart", b"bf_emma", b"ef_dora"]
    for voice in ("af_heart", "bf_emma:0.5+ef_dora:0.5"):
        done = run(f"mlxtts-tokens --model ./small --voice {voice} Hola. | mlxtts-decode > x.pcm0")
        assert (done.returncode, done.stderr) == (0, b"")
        assert (tmp_path / "x.pcm0").stat().st_size > 24_000


def test_the_speed_of_a_stream(run: Run, model: str) -> None:
    text = "Hello there."
    with running("--model", model) as server, server.client() as ws:
        send(ws, type="get_status")
        assert receive(ws, "status")["speeds"] == [0.5, 2]
        sizes = []
        for speed in (0.5, 1, None, 2):
            start(ws, text, speed=speed)
            assert receive(ws, "stream_started")["speed"] == (speed or 1)
            sizes.append(len(listen(ws)[0]))
        assert sizes[0] > sizes[1] == sizes[2] > sizes[3]
        tokens = f"mlxtts-tokens --model {model} --speed 0.5 '{text}' | mlxtts-decode"
        assert len(run(f"{tokens} | mlxtts-wav --format raw").stdout) // 2 == sizes[0] // 4
        recv = f"mlxtts-recv --speed 2 {server.address} '{text}' | mlxtts-wav --format raw"
        assert len(run(recv).stdout) // 2 == sizes[3] // 4
        for speed in (0.4, 2.1):
            start(ws, text, speed=speed)
            assert receive(ws, "error")["code"] == "option"
        refused = run("mlxtts-recv", "--speed", "3", server.address, text)
        assert refused.returncode == 1
        assert "speed: must be 0.5 to 2" in error_of(refused)


@pytest.mark.skipif(not shutil.which("jq"), reason="needs jq on PATH (Debian: jq)")
def test_models_lists_it(run: Run) -> None:
    done = run(
        "mlxtts-models --json | jq -c 'select(.name == \"kokoro\") | [.licence, (.voices|length)]'"
    )
    assert json.loads(done.stdout) == ["apache-2.0", 54]
