"""What a Kokoro folder says of itself, and how its segments become frames."""

import json
from pathlib import Path

import pytest

from mlxtts import models
from mlxtts.errors import ModelError, UsageError, VoiceError
from mlxtts.models.kokoro import Config, load
from mlxtts.nn.random import key
from mlxtts.nn.sampling import Sampling
from mlxtts.text.frontend import Segment
from tests import kokoro


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kokoro.folder(tmp_path_factory.mktemp("models") / "kokoro")


def test_the_published_configuration_is_recognised(folder: Path, tmp_path: Path) -> None:
    assert models.find(folder).__name__ == "mlxtts.models.kokoro"
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "kokoro"}))
    assert models.find(tmp_path).__name__ == "mlxtts.models.kokoro"
    assert models.recognised(kokoro.FULL)
    assert not models.recognised({"codebook_size": 4096})


def test_voices_and_languages(folder: Path) -> None:
    config = Config.read(folder)
    assert config.voices[0] == "af_heart"
    assert set(config.voices) == set(kokoro.VOICES)
    assert config.languages == ("en", "es", "fr", "hi", "it", "ja", "pt", "zh")
    assert config.accent("bf_emma") == "b"
    assert config.accent("x") == "a"
    assert models.choose_voice(config, None, "e") == "ef_dora"
    assert models.choose_voice(config, "af_heart:2+bf_emma") == "af_heart:2+bf_emma"
    with pytest.raises(VoiceError, match="'nobody': unknown; the voices are af_heart, "):
        models.choose_voice(config, "af_heart+nobody")
    with pytest.raises(UsageError, match="a blend is like"):
        models.choose_voice(config, "af_heart:")


def test_no_voices(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no voices"):
        Config.read(kokoro.folder(tmp_path / "k", voices=()))


def test_there_are_no_keys_to_hold_in_8_bits(folder: Path) -> None:
    with pytest.raises(UsageError, match="cache_bits 8: this model keeps no keys and values"):
        load(folder, Config.read(folder)).batch(cache_bits=8)


def test_a_segment_is_one_frame(folder: Path) -> None:
    model = load(folder, Config.read(folder))
    batch = model.batch()
    segments = [Segment("Hi you.", 0.0, "hˈI ju.", ("Hi", "you.")), Segment("A.", 0.0, "ˈA.")]
    for segment in segments:
        batch.join(model.prompt(segment, "af_heart", Sampling(), key(0)))
    first = batch.frame().read()
    assert [frame and (frame.codes, frame.words) for frame in first] == [
        ("hˈI ju.", ("Hi", "you.")),
        ("ˈA.", ()),
    ]
    assert batch.frame().read() == [None, None]
    batch.leave(0)
    assert batch.frame().read() == [None]
