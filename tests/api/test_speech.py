"""A model in memory says what the commands say."""

import json
import subprocess
import sys
import textwrap
import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import mlxtts
from mlxtts import Speech, SpeechWarning, load_model, quantize_model
from mlxtts.codecs.utterance import Options
from mlxtts.errors import HubError, ModelError, TextError, UsageError, VoiceError
from mlxtts.nn import mx
from mlxtts.nn.loading import read_checkpoint
from mlxtts.wire import pcm0
from tests.conftest import ROOT, STARTER, Run

TEXT = "It is five.\n\nIs it {so}?\n"


@pytest.fixture(scope="module")
def speech() -> Speech:
    return load_model()


def test_a_model_says_what_it_is(speech: Speech) -> None:
    assert speech.name == "starter"
    assert speech.sample_rate == 24_000
    assert speech.voices == ("slt", "rms", "awb", "kal16")
    assert speech.languages == ("en",)
    assert load_model("starter") is speech


def test_chunks_are_what_the_pipeline_says(speech: Speech, run: Run) -> None:
    chunks = [*speech.speak(TEXT, "rms", seed=3)]
    line = "mlxtts-tokens --voice rms --seed 3 | mlxtts-decode --seed 3"
    done = run(line, stdin=TEXT.encode())
    payload = b"".join(frame.payload for frame in pcm0.Reader().read(iter([done.stdout])))
    expected = np.frombuffer(payload, "<f4")
    found = np.concatenate([chunk.samples for chunk in chunks])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_chunks_say_where_they_are(speech: Speech) -> None:
    chunks = [*speech.speak(TEXT, options=Options(chunk_ms=100))]
    assert [chunk.index for chunk in chunks] == [*range(len(chunks))]
    assert chunks[0].start == 0
    for one, after in pairwise(chunks):
        assert after.start == pytest.approx(one.end)
    assert {(chunk.utterance, chunk.text) for chunk in chunks} == {
        (0, "It is five."),
        (1, "Is it {so}?"),
    }
    assert chunks[0].duration == 0.1


def test_several_lines_at_a_time_come_in_their_order(speech: Speech) -> None:
    text = "One two three four five six seven.\nTwo.\nThree.\n"
    together = [*speech.speak(text, width=3)]
    alone = [*speech.speak(text)]
    assert [c.utterance for c in together] == sorted(c.utterance for c in together)
    for place in range(3):
        lengths = [
            sum(len(c.samples) for c in chunks if c.utterance == place)
            for chunks in (together, alone)
        ]
        assert lengths[0] == lengths[1] > 0


def test_sampling_is_the_models_but_for_what_is_given(speech: Speech) -> None:
    assert speech.sampling(top_p=0.5).top_p == 0.5
    assert speech.sampling(top_p=0.5).temperature == speech.sampling().temperature
    with pytest.raises(UsageError, match="top_p: must be"):
        speech.sampling(top_p=2)


def test_a_model_may_be_a_path_and_its_sound_is_the_callers(tmp_path: Path) -> None:
    (tmp_path / "voice").symlink_to(STARTER)
    for speed in (1.0, 1.2):
        [chunk, *_] = mlxtts.generate_audio_streaming("Hi.", tmp_path / "voice", speed=speed)
        chunk *= 0.5


def test_a_brace_is_text(speech: Speech) -> None:
    assert next(speech.speak('{"text": "Hi."}')).text == '{"text": "Hi."}'


def test_what_is_not_said_as_it_stands_is_warned_of(speech: Speech) -> None:
    cut = "cut short at the limit of tokens: 'A long sentence"
    with pytest.warns(SpeechWarning, match=cut) as warned:
        chunks = [*speech.speak("A long sentence, not to be ended.", max_tokens=14)]
    assert sum(chunk.duration for chunk in chunks) < 0.2
    for _ in range(2):
        with pytest.warns(
            SpeechWarning, match="<laugh> left out: starter does not know it"
        ) as more:
            speech.speak("Ha <laugh> ha.")
        assert {warning.filename for warning in (*warned, *more)} == {__file__}


@pytest.mark.parametrize("width", [0, -1])
def test_no_line_at_a_time(speech: Speech, width: int) -> None:
    with pytest.raises(UsageError, match=f"width {width}: must be 1 or more"):
        speech.speak("Hi.", width=width)


@pytest.mark.parametrize("length", [0, -5, float("nan"), float("inf")])
def test_chunks_of_no_length(speech: Speech, length: float) -> None:
    with pytest.raises(UsageError, match=f"^chunk_ms {length:g}: must be above 0"):
        speech.speak("Hi.", options=Options(chunk_ms=length))


@pytest.mark.parametrize(
    ("text", "error", "reason"),
    [
        ("", TextError, "no text"),
        ("One.\n...\n", TextError, "nothing to speak in '...'"),
        ("a\0b", TextError, "holds a NUL"),
    ],
)
def test_text_with_nothing_in_it(
    speech: Speech, text: str, error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        speech.speak(text)


def test_voices_and_models_that_are_not_there(speech: Speech) -> None:
    with pytest.raises(VoiceError, match="the voices are slt, rms, awb, kal16"):
        speech.speak("Hi.", "nobody")
    with pytest.raises(ModelError):
        load_model("/nowhere")
    with pytest.raises(HubError, match="not in the cache"):
        load_model("orpheus", offline=True)
    assert load_model("starter").name == "starter"


def test_each_thread_has_its_own(speech: Speech) -> None:
    found: list[object] = []

    def work() -> None:
        mine = load_model("starter")
        found.append(mine)
        found.append(sum(len(chunk.samples) for chunk in mine.speak("Oh.")))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found[0] is not speech
    assert found[1] == sum(len(chunk.samples) for chunk in speech.speak("Oh."))


def test_its_weights_in_fewer_bits(speech: Speech, run: Run, tmp_path: Path) -> None:
    """Those that the command writes, which begins with float16, while a processor computes in
    float32: so the scales are as near as float16 is, and some weight goes to the next step."""
    assert run("mlxtts-quantize --no-measure --bits 4 starter q4").returncode == 0
    weights, config = quantize_model(speech.model, speech.config, bits=4)
    written = json.loads((tmp_path / "q4" / "config.json").read_text())
    assert config["quantization"] == written["quantization"]
    expected = read_checkpoint(tmp_path / "q4")
    assert weights.keys() == expected.keys()
    for name, tensor in weights.items():
        assert tensor.shape == expected[name].shape
        if name.endswith(".scales"):
            near = mx.abs(tensor - expected[name]) <= 2e-3 * mx.abs(tensor)
            assert mx.mean(near).item() > 0.99


def test_importing_costs_nothing() -> None:
    line = "import sys, mlxtts; print('numpy' in sys.modules, 'mlx.core' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", line], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.split() == ["False", "False"]
    assert set(mlxtts.__all__) < set(dir(mlxtts))
    for name in mlxtts.__all__:
        assert getattr(mlxtts, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        mlxtts.nothing  # noqa: B018


def test_a_lexicon(tmp_path: Path) -> None:
    path = tmp_path / "words.tsv"
    path.write_text("nginx\tengine x\n")
    expected = np.concatenate([chunk.samples for chunk in load_model().speak("An engine x.")])
    speech = load_model(lexicon=path)
    found = np.concatenate([chunk.samples for chunk in speech.speak("An nginx.")])
    np.testing.assert_array_equal(found, expected)
    assert load_model(lexicon=path) is speech
    path.write_text("nginx\tengine wye\n")
    assert load_model(lexicon=path) is not speech
    assert load_model() is not speech
    path.write_text("nginx")
    with pytest.raises(TextError, match="line 1: not a word"):
        load_model(lexicon=path, offline=True)


def test_a_forked_process_is_told_that_it_would_hang(run: Run, tmp_path: Path) -> None:
    code = """
        import asyncio, multiprocessing
        from mlxtts import generate_audio_async, load_model

        def told(results, way):
            try:
                results.put(bool(way()))
            except Exception as error:
                results.put(str(error))

        def speak(results):
            told(results, lambda: list(load_model().speak("Hi.")))

        async def heard():
            return [chunk async for chunk in generate_audio_async("Hi.")]

        def begun(kind, target):
            context = multiprocessing.get_context(kind)
            results = context.Queue()
            context.Process(target=target, args=[results]).start()
            return results.get(timeout=60)

        if __name__ == "__main__":
            for kind, before in (("fork", False), ("fork", True), ("spawn", True)):
                if before:
                    assert list(load_model().speak("Hi."))
                print(begun(kind, speak))
            chunks = load_model().speak("Hi.")
            next(chunks)
            ways = [lambda: next(chunks), lambda: load_model().model, lambda: load_model().check()]
            ways += [lambda: asyncio.run(heard())]
            assert asyncio.run(heard())
            for way in ways:
                print(begun("fork", lambda results, way=way: told(results, way)))
    """
    (tmp_path / "speak.py").write_text(textwrap.dedent(code))
    done = run(sys.executable, "speak.py", PYTHONPATH=str(ROOT))
    first, forked, spawned, *others = done.stdout.decode().splitlines()
    assert (first, spawned, done.stderr) == ("True", "True", b"")
    for said in (forked, *others):
        assert said.startswith("MLX was in use before this process was forked, and would hang")
    assert len(others) == 4
