"""The codec on small random weights: what a stream says, in any company, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest

from mlxtts.codecs.kokoro import Codec, load, network
from mlxtts.errors import UsageError, VoiceError
from mlxtts.nn import mx, ragged
from mlxtts.nn.random import key
from tests import kokoro

HELLO, LONG = "həlˈO wˈɜɹld!", "ðɪs ɪz ɐ lˈɔŋɡəɹ sˈɛntᵊns, wɪð ɐ kˈɑmə."
VOICE = {"voice": "af_heart"}


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> Codec:
    return load(kokoro.folder(tmp_path_factory.mktemp("models") / "kokoro"))


def speak(codec: Codec, text: str, seed: int = 0, **extra: object) -> np.ndarray:
    return np.array(codec.stream(key(seed), extra=VOICE | extra).push([text]))


def test_a_segment_and_where_its_words_are(codec: Codec) -> None:
    stream = codec.stream(key(0), extra=VOICE)
    samples = np.array(stream.push([HELLO]))
    span = stream.span(0)
    assert (span.start, span.stop) == (0, len(samples))
    assert len(samples) % 600 == 0
    (hello, end), (world, stop) = span.words
    assert 0 < hello < end <= world < stop < len(samples)
    assert end - hello >= 600 * len("həlˈO")
    assert not len(np.array(stream.flush()))
    assert samples.std() > 0.003


def test_later_segments_follow(codec: Codec) -> None:
    stream = codec.stream(key(0), extra=VOICE)
    both = np.array(stream.push([HELLO, LONG]))
    first, second = stream.span(0), stream.span(1)
    assert first.stop == second.start
    assert second.stop == len(both)
    assert second.words[0][0] > second.start
    apart = codec.stream(key(0), extra=VOICE)
    parts = [np.array(apart.push([text])) for text in (HELLO, LONG)]
    np.testing.assert_allclose(np.concatenate(parts), both, atol=1e-6)


@pytest.mark.parametrize("in_turn", [True, False])
def test_a_batch_gives_what_single_runs_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_turn: bool
) -> None:
    """One row after another, as on a CPU, or all at once."""
    monkeypatch.setattr(network, "on_cpu", lambda: in_turn)
    folder = kokoro.folder(tmp_path / "k")
    kokoro.save(folder, kokoro.calm(kokoro.tensors(kokoro.SMALL)))
    codec = load(folder)
    texts = [HELLO, LONG, "ˈA.", LONG + " " + HELLO]
    extras = [
        VOICE,
        {"voice": "bf_emma", "speed": 0.6},
        {"voice": "af_bella"},
        VOICE | {"speed": 2},
    ]
    streams = [codec.stream(key(n), extra=extra) for n, extra in enumerate(extras)]
    together = codec.push(streams, [[text] for text in texts])
    for n, (text, extra) in enumerate(zip(texts, extras, strict=True)):
        alone = speak(codec, text, n, **extra)
        found = np.array(together[n])
        assert found.shape == alone.shape
        assert np.abs(found - alone).max() < 1e-3 * np.abs(alone).max()


def test_shapes_of_a_gpu_are_few_and_not_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With times and rows rounded up, which change no length and no sound."""
    folder = kokoro.folder(tmp_path / "k")
    kokoro.save(folder, kokoro.calm(kokoro.tensors(kokoro.SMALL)))
    codec = load(folder)
    texts = [HELLO + "." * n for n in range(9)]
    wanted = [speak(codec, text, n) for n, text in enumerate(texts)]
    shapes = set()
    spoken = codec.network.samples

    def samples(ids: object, styles: mx.array, *more: mx.array) -> mx.array:
        found = spoken(ids, styles, *more)  # type: ignore[arg-type]
        shapes.add((*styles.shape[:1], more[1].shape[1], found.shape[1]))
        return found

    monkeypatch.setattr(network, "on_cpu", lambda: False)
    monkeypatch.setattr(ragged, "on_cpu", lambda: False)
    monkeypatch.setattr(codec.network, "samples", samples, raising=False)
    alone = [speak(codec, text, n) for n, text in enumerate(texts)]
    streams = [codec.stream(key(n), extra=VOICE) for n in range(len(texts))]
    together = codec.push(streams, [[text] for text in texts])
    for n, expected in enumerate(wanted):
        for found in (alone[n], together[n]):
            assert found.shape == expected.shape
            assert np.abs(found - expected).max() < 1e-3 * np.abs(expected).max()
    rows, phonemes, lengths = (sorted(set(each)) for each in zip(*shapes, strict=True))
    assert (rows, phonemes) == ([1, 10], [16, 24])
    assert all(length % (600 * 16) == 0 for length in lengths)


def test_one_seed_one_sound(codec: Codec) -> None:
    np.testing.assert_array_equal(speak(codec, HELLO, 3), speak(codec, HELLO, 3))
    assert np.abs(speak(codec, HELLO, 3) - speak(codec, HELLO, 4)).max() > 1e-3


def test_speed(codec: Codec) -> None:
    lengths = [len(speak(codec, LONG, speed=speed)) for speed in (0.5, 1, 2)]
    assert lengths[0] > 1.7 * lengths[1] > 2.6 * lengths[2]


def test_no_segment_begins_or_ends_with_a_jump(codec: Codec) -> None:
    samples = speak(codec, HELLO)
    assert np.abs(samples[[0, -1]]).max() < 0.01 * np.abs(samples).max()


@pytest.mark.parametrize(
    ("blend", "shares"),
    [
        ("af_heart", {"af_heart": 1}),
        ("af_heart:0.7+af_bella:0.3", {"af_heart": 0.7, "af_bella": 0.3}),
        ("af_heart:2+af_bella", {"af_heart": 2 / 3, "af_bella": 1 / 3}),
        ("af_heart,af_bella", {"af_heart": 0.5, "af_bella": 0.5}),
        ("af_heart + af_bella : 1", {"af_heart": 0.5, "af_bella": 0.5}),
    ],
)
def test_blends(codec: Codec, blend: str, shares: dict[str, float]) -> None:
    style = codec.stream(key(0), extra={"voice": blend}).shares
    assert style == pytest.approx(shares)
    packs = [
        share * kokoro.voice(kokoro.SMALL, kokoro.VOICES.index(v)) for v, share in shares.items()
    ]
    found = codec.voices.style(style, 7)
    np.testing.assert_allclose(np.array(found), sum(packs)[6, 0], atol=1e-6)


@pytest.mark.parametrize(
    "blend", ["", "+", "a:", "a:x", "a:-1", "a:0", "a:nan", "a:inf", "a+", "a+a", ":1", "a:1:2"]
)
def test_what_is_no_blend(codec: Codec, blend: str) -> None:
    with pytest.raises(UsageError, match="a blend is like"):
        codec.stream(key(0), extra={"voice": blend})


def test_what_a_stream_is_refused(codec: Codec) -> None:
    with pytest.raises(
        VoiceError, match="'af_none': unknown; the voices are af_bella, af_heart, bf"
    ):
        codec.stream(key(0), extra={"voice": "af_heart+af_none"})
    with pytest.raises(UsageError, match="no voice"):
        codec.stream(key(0))
    for speed in (0.4, 2.1, "1", True, None):
        with pytest.raises(UsageError, match=r"speed must be 0\.5 to 2\.0"):
            codec.stream(key(0), extra=VOICE | {"speed": speed})


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ([1, 2], "numbers, where a frame has phonemes"),
        ("həlˈO @ ʘ", "not phonemes of Kokoro: '@', 'ʘ'"),
        ("a" * 511, "511 phonemes, where a frame has at most 510"),
    ],
)
def test_what_is_no_frame(codec: Codec, frame: object, reason: str) -> None:
    assert codec.refusal(frame) == reason  # type: ignore[arg-type]


def test_the_longest_frame(codec: Codec) -> None:
    text = "a" * 510
    assert codec.refusal(text) is None
    assert len(speak(codec, text, speed=2)) >= 512 * 600


@pytest.mark.parametrize("kind", ["safetensors", "npz", "npy", "archive"])
def test_voices_in_each_layout(tmp_path: Path, codec: Codec, kind: str) -> None:
    folder = kokoro.folder(tmp_path / "k", voices=("af_heart",))
    pack = kokoro.voice(kokoro.SMALL, 0)
    (alone := folder / "voices" / "af_heart.safetensors").unlink()
    if kind == "safetensors":
        mx.save_safetensors(str(alone), {"x": mx.array(pack[:, 0]).astype(mx.bfloat16)})
    elif kind == "archive":
        np.savez(folder / "voices.npz", af_heart=pack, af_other=pack)
        (folder / "voices.npz").rename(folder / "voices-v1.0.bin")
    elif kind == "npy":
        np.save(alone.with_suffix(".npy"), pack)
    else:
        np.savez(alone.with_suffix(".npz"), af_heart=pack)
    voices = load(folder).voices
    assert "af_heart" in voices.paths
    found = np.array(voices.style({"af_heart": 1}, 3))
    np.testing.assert_allclose(found, pack[2, 0], atol=0.01 if kind == "safetensors" else 1e-6)
