"""Text to files, arrays and callbacks."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mlxtts import (
    Metadata,
    Speech,
    generate_audio,
    generate_audio_async,
    generate_audio_streaming,
    generate_audio_with_callback,
    load_model,
)
from mlxtts.api import generate
from mlxtts.errors import AudioError, TextError, UsageError, VoiceError
from mlxtts.wire.pcm0 import Frame

TEXT = "One.\nTwo.\n"


@pytest.fixture(scope="module")
def speech() -> Speech:
    return load_model()


def test_a_file_a_line(speech: Speech, tmp_path: Path) -> None:
    paths = generate_audio(TEXT, speech, file_prefix=str(tmp_path / "count"))
    assert paths == [tmp_path / "count_000.wav", tmp_path / "count_001.wav"]
    sounds = [soundfile.read(path, dtype="float32") for path in paths]
    assert {rate for _, rate in sounds} == {24_000}
    chunks = [*speech.speak(TEXT)]
    for place, (sound, _) in enumerate(sounds):
        expected = np.concatenate([c.samples for c in chunks if c.utterance == place])
        np.testing.assert_allclose(sound, expected, atol=1e-4)


def test_one_file(
    speech: Speech,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert generate_audio(TEXT, speech, join_audio=True, seed=1) == [Path("audio.wav")]
    assert soundfile.info("audio.wav").frames == sum(
        len(chunk.samples) for chunk in speech.speak(TEXT, seed=1)
    )
    assert capfd.readouterr() == ("", "")
    generate_audio("One.", speech, join_audio=True, verbose=True)
    assert capfd.readouterr() == ("", "audio.wav\n")
    assert [*Path().iterdir()] == [Path("audio.wav")]


@pytest.mark.parametrize(
    ("options", "name", "rate"),
    [
        ({"audio_format": "flac", "sample_rate": 16_000}, "audio_000.flac", 16_000),
        ({"audio_format": "mp3"}, "audio_000.mp3", 24_000),
        ({"audio_format": "opus", "voice": "rms", "lang_code": "en"}, "audio_000.opus", 24_000),
    ],
)
def test_formats_and_rates(
    speech: Speech, tmp_path: Path, options: dict[str, object], name: str, rate: int
) -> None:
    prefix = str(tmp_path / "audio")
    (path,) = generate_audio("One.", speech, file_prefix=prefix, **options)  # type: ignore[arg-type]
    assert path.name == name
    sound, found = soundfile.read(path)
    assert found == rate
    assert np.abs(sound).max() > 0.05


@pytest.mark.parametrize(
    ("options", "error", "reason"),
    [
        ({"audio_format": "aiff"}, UsageError, "format 'aiff': must be wav"),
        ({"voice": "nobody"}, VoiceError, "the voices are"),
        ({"lang_code": "fr"}, UsageError, "language 'fr': starter has en"),
        ({"ref_audio": "me.wav"}, UsageError, "cannot take the voice of a recording"),
        ({"temperature": -1}, UsageError, "temperature: must be"),
        ({"sample_rate": -1}, UsageError, "sample_rate -1: must be 8000 to"),
        ({"sample_rate": 16000.5}, UsageError, "sample_rate 16000.5: must be 8000 to"),
        ({"sample_rate": 0}, UsageError, "sample_rate 0: must be 8000 to"),
        ({"audio_format": "opus", "sample_rate": 11_025}, AudioError, "cannot have 11025 Hz"),
        ({"volume": 3}, TypeError, "volume"),
    ],
)
def test_what_cannot_be_done_leaves_nothing(
    speech: Speech, tmp_path: Path, options: dict[str, object], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        generate_audio("One.", speech, file_prefix=str(tmp_path / "x"), **options)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(speech: Speech, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        generate_audio("One.", speech, file_prefix=str(tmp_path / "no" / "x"))


class Heard:
    """In place of the loudspeaker."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.closed = False

    def write(self, frame: Frame) -> None:
        self.frames.append(frame)

    def __enter__(self) -> "Heard":
        return self

    def __exit__(self, *error: object) -> None:
        self.closed = not any(error)


@pytest.mark.parametrize("stream", [False, True])
def test_playing(
    speech: Speech, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    player = Heard()
    monkeypatch.setattr(generate, "Player", lambda: player)
    prefix = str(tmp_path / "x")
    generate_audio(TEXT, speech, file_prefix=prefix, play=True, stream=stream)
    assert player.closed
    played = b"".join(frame.payload for frame in player.frames)
    expected = b"".join(chunk.samples.tobytes() for chunk in speech.speak(TEXT))
    assert played == expected
    assert [frame.is_end for frame in player.frames].count(True) == 2


def test_arrays_of_one_length(speech: Speech) -> None:
    arrays = [*generate_audio_streaming("One two three.", speech)]
    assert {len(array) for array in arrays[:-1]} == {3600}
    assert all(array.dtype == np.float32 for array in arrays)
    exact = [*generate_audio_streaming("One two three.", speech, ultra_low_latency=False)]
    whole = np.concatenate([chunk.samples for chunk in speech.speak("One two three.")])
    np.testing.assert_allclose(np.concatenate(exact), whole, atol=1e-5)
    as_given = generate_audio_streaming("One.", speech, output_chunk_duration_ms=None)
    assert {len(array) % 2048 for array in as_given} != {0}
    with pytest.raises(UsageError, match="multiple of 7"):
        generate_audio_streaming("One.", speech, streaming_chunk_tokens=20)
    with pytest.raises(TextError):
        generate_audio_streaming("", speech)


@pytest.mark.parametrize("speed", [0.7, 1.5])
def test_another_speed(speech: Speech, speed: float) -> None:
    own = [
        sum(len(c.samples) for c in speech.speak(TEXT) if c.utterance == place) for place in (0, 1)
    ]
    told: list[Metadata] = []
    heard: list[np.ndarray] = []
    generate_audio_with_callback(
        TEXT, lambda *x: (heard.append(x[0]), told.append(x[1])), speech, speed=speed
    )
    assert sum(map(len, heard)) == sum(round(length / speed) for length in own)
    assert told[-1].end == pytest.approx(sum(map(len, heard)) / 24_000)
    assert [m.chunk_index for m in told] == [*range(len(heard))]
    assert {m.utterance for m in told} == {0, 1}
    with pytest.raises(UsageError, match="tempo must be"):
        generate_audio_streaming(TEXT, speech, speed=3)


def test_a_callback_is_told_where_in_the_text_it_is(speech: Speech) -> None:
    told: list[Metadata] = []
    generate_audio_with_callback("One. And 2 more.\nThe end.", lambda _, m: told.append(m), speech)
    where = [(m.utterance, m.segment, m.spoken) for m in told]
    assert where == sorted(where)
    assert [*dict.fromkeys(where)] == [
        (0, 0, "One."),
        (0, 1, "And two more."),
        (1, 0, "The end."),
    ]
    second = next(m for m in told if m.segment == 1)
    assert second.start > 0.3


def test_callbacks(speech: Speech) -> None:
    told: list[Metadata] = []
    heard: list[np.ndarray] = []

    def callback(samples: np.ndarray, metadata: Metadata) -> None:
        heard.append(samples)
        told.append(metadata)

    assert generate_audio_with_callback(TEXT, callback, speech)
    arrays = [*generate_audio_streaming(TEXT, speech)]
    np.testing.assert_array_equal(np.concatenate(heard), np.concatenate(arrays))
    assert [m.chunk_index for m in told] == [*range(len(arrays))]
    assert told[-1].end == pytest.approx(sum(map(len, arrays)) / 24_000)
    assert [m.elapsed for m in told] == sorted(m.elapsed for m in told)
    assert (told[0].utterance, told[0].text) == (0, "One.")
    assert (told[-1].utterance, told[-1].text) == (1, "Two.")


@pytest.mark.parametrize("kind", [bool, np.bool_])
def test_a_callback_that_has_enough(speech: Speech, kind: type) -> None:
    calls: list[int] = []

    def callback(samples: np.ndarray, metadata: Metadata) -> object:
        calls.append(metadata.chunk_index)
        return kind(metadata.chunk_index < 1)

    assert not generate_audio_with_callback(TEXT, callback, speech)
    assert calls == [0, 1]


def test_asyncio() -> None:
    async def speak(text: str) -> list[np.ndarray]:
        return [array async for array in generate_audio_async(text)]

    async def both() -> list[list[np.ndarray]]:
        return await asyncio.gather(speak("One."), speak("Two."))

    one, two = asyncio.run(both())
    for text, arrays in (("One.", one), ("Two.", two)):
        expected = np.concatenate([*generate_audio_streaming(text)])
        np.testing.assert_allclose(np.concatenate(arrays), expected, atol=1e-6)


def test_an_asyncio_stream_that_is_not_wanted_any_more() -> None:
    async def first() -> int:
        stream = generate_audio_async(TEXT * 50)
        async for array in stream:
            await stream.aclose()
            return len(array)
        return 0

    async def wrong() -> None:
        async for _ in generate_audio_async("..."):
            pass

    assert asyncio.run(first()) == 3600
    with pytest.raises(TextError):
        asyncio.run(wrong())


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"streaming_chunk_tokens": 20}, "^streaming_chunk_tokens 20: must be a multiple of 7"),
        ({"output_chunk_duration_ms": 0}, "^output_chunk_duration_ms 0: must be above 0"),
    ],
)
def test_what_is_wrong_has_the_argument_s_name(
    speech: Speech, options: dict[str, float], reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        generate_audio_streaming("One.", speech, **options)  # type: ignore[arg-type]
