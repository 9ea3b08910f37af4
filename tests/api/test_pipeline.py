"""The kokoro package's pipeline, on a small model."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from mlxtts import KokoroPipeline, Speech, generate_audio, generate_audio_streaming, load_model
from mlxtts.errors import UsageError, VoiceError
from tests import kokoro

pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("misaki", "spacy", "phonemizer")),
    reason="needs mlxtts[en]",
)


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Speech:
    return load_model(str(kokoro.folder(tmp_path_factory.mktemp("models") / "kokoro")))


def test_graphemes_phonemes_audio(speech: Speech) -> None:
    pipeline = KokoroPipeline(lang_code="a", model=speech)
    found = [*pipeline("Hello world!\n\nHow are you? Fine.", voice="af_bella")]
    assert [graphemes for graphemes, _, _ in found] == ["Hello world!", "How are you?", "Fine."]
    assert found[0][1] == "həlˈO wˈɜɹld!"
    assert all(audio.dtype == np.float32 and len(audio) % 600 == 0 for _, _, audio in found)
    fast = [*pipeline("Hello world!", voice="af_bella", speed=2)]
    assert len(fast[0][2]) < 0.7 * len(found[0][2])


def test_it_says_what_the_other_functions_say(speech: Speech) -> None:
    [(_, _, audio)] = KokoroPipeline("a", speech)("Hello world!")
    streamed = np.concatenate([*generate_audio_streaming("Hello world!", speech)])
    np.testing.assert_array_equal(audio, streamed)


def test_another_language_and_several_texts(speech: Speech) -> None:
    found = [*KokoroPipeline("es", speech)(["Hola.", "Adiós."])]
    assert [phonemes for _, phonemes, _ in found] == ["ˈola.", "aðjˈos."]


def test_speed_is_the_model_s_own(speech: Speech, tmp_path: Path) -> None:
    whole = np.concatenate([*generate_audio_streaming("Hello.", speech, speed=1.6)])
    phrases = [audio for _, _, audio in speech.phrases("Hello.", speed=1.6)]
    np.testing.assert_array_equal(whole, np.concatenate(phrases))
    prefix = str(tmp_path / "x")
    assert generate_audio("Hello.", speech, lang_code="en-gb", file_prefix=prefix)[0].is_file()


def test_bad_input(speech: Speech) -> None:
    with pytest.raises(UsageError, match="language 'q': unknown; the languages are a"):
        KokoroPipeline("q", speech)
    with pytest.raises(VoiceError, match="the voices are af_heart"):
        next(KokoroPipeline("a", speech)("Hi.", voice="x"))
    with pytest.raises(UsageError, match=r"must be 0\.5 to 2"):
        next(KokoroPipeline("a", speech)("Hi.", speed=3))
    with pytest.raises(UsageError, match="starter does not speak phonemes"):
        next(load_model("starter").phrases("Hi."))
