from pathlib import Path

import pytest

from mlxtts.engine import Speaker
from mlxtts.errors import ModelError, TextError, VoiceError
from mlxtts.text.frontend import Segment
from mlxtts.text.lines import Utterance
from mlxtts.wire.tokens import Codes, End, Header


def test_headers_say_where_the_codec_is(model_folder: Path) -> None:
    assert Speaker("starter").header(None, 3) == Header(
        "snac", "starter", 24_000, "starter", "slt", 3
    )
    folder = str(model_folder.resolve())
    assert Speaker(folder).header("rms", 0) == Header("snac", folder, 24_000, folder, "rms", 0)
    (model_folder / "codec").rename(model_folder / "elsewhere")
    assert Speaker(folder).header(None, 0).codec_path == "mlx-community/snac_24khz"


def test_requests() -> None:
    speaker = Speaker("starter")
    request = speaker.request(Utterance("x", "It is 5. Go!", "rms", 0.5), "slt", seed=9)
    assert request.segments == (Segment("It is five."), Segment("Go!"))
    assert (request.voice, request.seed, request.pause) == ("rms", 9, 0.5)
    assert request.sampling == speaker.config.sampling
    assert speaker.request(Utterance("x", "Go"), "rms").voice == "rms"
    with pytest.raises(VoiceError):
        speaker.request(Utterance("x", "Go", "nobody"))
    with pytest.raises(TextError):
        speaker.request(Utterance("x", "..."))


def test_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a model folder"):
        Speaker(str(tmp_path))


def test_a_folder_is_loaded_and_speaks(model_folder: Path) -> None:
    speaker = Speaker(str(model_folder))
    engine = speaker.load()
    engine.add(speaker.request(Utterance("1", "Hi."), max_frames=3))
    records = list(engine.run())
    assert [type(record) for record in records[1:]] == [Codes] * 3 + [End]
