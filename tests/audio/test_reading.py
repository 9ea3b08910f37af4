"""Sound files to frames: files that libsndfile and sox wrote, and those of mlxtts-wav."""

from __future__ import annotations

import io
import struct
import subprocess
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mlxtts.audio import files, reading, wav
from mlxtts.audio.filters import samples
from mlxtts.errors import AudioError, CutShortError
from mlxtts.wire import pcm0
from mlxtts.wire.pcm0 import Frame
from tests.audio.test_files import SAMPLES, assert_contains, frames, to_file, to_pipe
from tests.conftest import Run, error_of, needs

RATE = 24_000


def sound(found: list[Frame]) -> np.ndarray:
    return np.concatenate([samples(frame) for frame in found])


def read(path: Path, **options) -> list[Frame]:
    with path.open("rb") as file:
        return list(reading.read(file, **options))


def test_a_file_is_an_utterance(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", SAMPLES, RATE, "FLOAT")
    found = read(tmp_path / "x.wav")
    assert [frame.is_end for frame in found] == [False] * (len(found) - 1) + [True]
    assert {(frame.rate, frame.channels) for frame in found} == {(RATE, 1)}
    assert max(frame.num_samples for frame in found) == RATE // 10
    np.testing.assert_array_equal(sound(found)[:, 0], SAMPLES)


@pytest.mark.parametrize("format", sorted(files.SUBTYPES.keys() - {"raw"}))
def test_what_mlxtts_wav_writes_to_a_pipe_can_be_read(
    format: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with reading.spool([to_pipe(frames(), format)]) as file:
        found = list(reading.read(file))
    assert found[0].rate == RATE
    read = sound(found)[:, 0]
    assert len(SAMPLES) <= len(read) <= len(SAMPLES) + 3000
    if format in ("wav", "flac"):
        np.testing.assert_allclose(read, SAMPLES, atol=2e-5)
    else:
        assert_contains(read, SAMPLES)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["aiff", "au", "caf", "w64"])
@pytest.mark.parametrize("channels", [1, 2, 8])
@needs("sox")
def test_other_formats(tmp_path: Path, kind: str, channels: int) -> None:
    path = tmp_path / f"x.{kind}"
    effect = ["synth", "0.3", "sine", "300", "gain", "-6"]
    subprocess.run(
        ["sox", "-n", "-r", "44100", "-b", "16", "-c", str(channels), path, *effect], check=True
    )
    found = read(path)
    assert (found[0].rate, found[0].channels) == (44_100, channels)
    assert len(sound(found)) == 13_230
    assert np.abs(sound(found)).max() == pytest.approx(0.5, abs=0.01)


def test_resampled(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", SAMPLES, RATE, "FLOAT")
    found = read(tmp_path / "x.wav", rate=48_000)
    assert found[-1] == Frame(48_000)
    assert len(sound(found)) == 2 * len(SAMPLES)
    np.testing.assert_allclose(sound(found)[200:-200:2, 0], SAMPLES[100:-100], atol=1e-3)


def test_mixed_into_one_channel(tmp_path: Path) -> None:
    both = np.stack([SAMPLES, -SAMPLES / 2], axis=1)
    soundfile.write(tmp_path / "x.wav", both, RATE, "FLOAT")
    found = read(tmp_path / "x.wav", mono=True)
    np.testing.assert_allclose(sound(found)[:, 0], SAMPLES / 4, atol=1e-7)


def test_rates_and_channels_that_pcm0_does_not_have(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", SAMPLES[:2000], 4_000, "FLOAT")
    with pytest.raises(AudioError, match="4000 Hz is outside 8000 to 192000: give --rate"):
        read(tmp_path / "x.wav")
    assert len(sound(read(tmp_path / "x.wav", rate=8_000))) == 4000
    soundfile.write(tmp_path / "y.wav", np.zeros((100, 9)), RATE)
    with pytest.raises(AudioError, match="9 channels, more than 8: give --mono"):
        read(tmp_path / "y.wav")
    assert len(sound(read(tmp_path / "y.wav", mono=True))) == 100


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("rate", [None, 48_000])
def test_numbers_that_are_no_samples(tmp_path: Path, value: float, rate: int | None) -> None:
    soundfile.write(tmp_path / "x.wav", [0.0] * 5000 + [value] + [0.0] * 5000, RATE, "FLOAT")
    with pytest.raises(AudioError, match="a sample is not a finite number"):
        read(tmp_path / "x.wav", rate=rate)


@pytest.mark.parametrize("kind", ["flac", "mp3"])
def test_what_is_cut_short_is_read_and_reported(
    tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = io.BytesIO()
    soundfile.write(whole, SAMPLES, RATE, format=kind.upper())
    (tmp_path / "x").write_bytes(whole.getvalue()[: len(whole.getvalue()) * 2 // 3])
    found = []
    with (tmp_path / "x").open("rb") as file, pytest.raises(AudioError, match=r"cut short|lost"):
        found.extend(reading.read(file))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100])
def test_an_mp3_that_does_not_tell_its_length_is_not_cut_short(
    run: Run, tmp_path: Path, rate: int
) -> None:
    """With a tag of ID3 before it, too."""
    assert run(f"mlxtts-say --rate {rate} -o x.mp3 Good morning.").returncode == 0
    data = (tmp_path / "x.mp3").read_bytes()
    (tmp_path / "y.mp3").write_bytes(b"ID3\4\0\0\0\0\1\0" + bytes(128) + data)
    lengths = [len(sound(read(tmp_path / name))) for name in ("x.mp3", "y.mp3")]
    assert lengths[0] == lengths[1] > rate / 2


@pytest.mark.parametrize("options", ["-q:a 9", "-q:a 9 -write_xing 0", "-b:a 32k -write_xing 0"])
@pytest.mark.parametrize("loud_first", [False, True])
@needs("ffmpeg")
def test_an_mp3_is_read_to_its_end(
    run: Run, tmp_path: Path, options: str, loud_first: bool
) -> None:
    """What can be guessed from its size and first frame is far from its length."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 2 * RATE)
    parts = [noise, np.sin(np.arange(8 * RATE) / 40) / 100]
    soundfile.write(tmp_path / "x.wav", np.concatenate(parts[:: 1 if loud_first else -1]), RATE)
    encode = f"ffmpeg -v error -i x.wav {options} -f mp3"
    for line in (f"{encode} - | mlxtts-read", f"{encode} y.mp3; mlxtts-read y.mp3"):
        done = run(line)
        assert (done.returncode, done.stderr) == (0, b"")
        found = list(pcm0.Reader().read([done.stdout]))
        assert len(sound(found)) / RATE == pytest.approx(10, abs=0.1)


@pytest.mark.parametrize(
    "encode",
    [
        "ffmpeg -v error -i x.wav -f ogg -c:a libvorbis",
        "ffmpeg -v error -i x.wav -f ogg -c:a libopus",
        "ffmpeg -v error -i x.wav -f mp3",
        "ffmpeg -v error -i x.wav -f mp3 -write_id3v1 1 -metadata title=x",
        "ffmpeg -v error -i x.wav -f mp3 -write_xing 0",
        "mlxtts-read x.wav | mlxtts-wav --format ogg -o",
        "mlxtts-read x.wav | mlxtts-wav --format opus -o",
        "mlxtts-read x.wav | mlxtts-wav --format mp3 -o",
    ],
)
@needs("ffmpeg")
def test_files_joined_by_cat_are_one(run: Run, tmp_path: Path, encode: str) -> None:
    soundfile.write(tmp_path / "x.wav", SAMPLES, RATE)
    done = run(f"{encode} y; mlxtts-read y > one; cat y y y | mlxtts-read")
    assert (done.returncode, done.stderr) == (0, b"")
    one = sound(list(pcm0.Reader().read([(tmp_path / "one").read_bytes()])))
    found = list(pcm0.Reader().read([done.stdout]))
    assert [frame.is_end for frame in found] == [False] * (len(found) - 1) + [True]
    assert len(sound(found)) / 3 == pytest.approx(len(one), abs=0.08 * found[0].rate)
    for third in np.array_split(sound(found)[:, 0], 3):
        assert_contains(third, one[1000:-3000, 0], most=4000)


def test_parts_of_other_rates_are_resampled_and_of_other_channels_refused(tmp_path: Path) -> None:
    data = b""
    for rate, channels in ((RATE, 1), (RATE // 2, 1), (RATE, 2)):
        part = io.BytesIO()
        soundfile.write(part, np.zeros((rate, channels)), rate, format="OGG")
        data += part.getvalue()
        (tmp_path / f"{rate}x{channels}").write_bytes(data)
    found = read(tmp_path / f"{RATE // 2}x1")
    assert {frame.rate for frame in found} == {RATE}
    assert len(sound(found)) == 2 * RATE
    with pytest.raises(AudioError, match="part 3 has 2 channels, part 1 has 1: give --mono"):
        read(tmp_path / f"{RATE}x2")
    assert len(sound(read(tmp_path / f"{RATE}x2", mono=True))) == 3 * RATE


@pytest.mark.parametrize("other", ["24000x2", "16000x1"])
def test_what_cannot_be_read_of_an_mp3_is_reported(tmp_path: Path, other: str) -> None:
    """libsndfile ends where the rate or the channels change."""
    data = to_pipe(frames(), "mp3")
    rate, channels = map(int, other.split("x"))
    soundfile.write(tmp_path / "x.wav", np.zeros((rate * 3, channels)), rate)
    data += to_pipe(read(tmp_path / "x.wav"), "mp3")
    (tmp_path / "x.mp3").write_bytes(data)
    found = []
    with (tmp_path / "x.mp3").open("rb") as file, pytest.raises(CutShortError, match=" bytes"):
        found.extend(reading.read(file))
    assert found[-1].is_end
    assert len(sound(found)) >= len(SAMPLES)


@pytest.mark.parametrize("tag", [b"TAG" + bytes(125), b"APETAGEX" + bytes(9000)])
def test_a_tag_at_the_end_of_an_mp3_is_no_damage(tmp_path: Path, tag: bytes) -> None:
    data = to_pipe(frames(), "mp3")
    for name, end in (("x", b""), ("y", tag)):
        (tmp_path / name).write_bytes(data + end)
    assert len(sound(read(tmp_path / "y"))) == pytest.approx(
        len(sound(read(tmp_path / "x"))), abs=3000
    )


@pytest.mark.parametrize("kind", ["ogg", "opus"])
@pytest.mark.parametrize("parts", [1, 2])
def test_an_ogg_that_ends_within_a_page_is_read_and_reported(
    tmp_path: Path, kind: str, parts: int
) -> None:
    seconds = 20
    soundfile.write(tmp_path / "x.wav", np.resize(SAMPLES, seconds * RATE), RATE)
    to_file(tmp_path / "x", read(tmp_path / "x.wav"), kind)
    whole = (tmp_path / "x").read_bytes()
    for lacking in (1, len(whole) // 3):
        (tmp_path / "y").write_bytes((parts * whole)[:-lacking])
        found = []
        with (tmp_path / "y").open("rb") as file, pytest.raises(CutShortError, match="cut short"):
            found.extend(reading.read(file))
        assert found[-1].is_end
        assert len(sound(found)) / found[0].rate > (parts - 0.5) * seconds


def test_parts_before_one_that_cannot_be_read_are_read(tmp_path: Path) -> None:
    part = io.BytesIO()
    soundfile.write(part, SAMPLES, RATE, format="OGG")
    whole = part.getvalue()
    (tmp_path / "x").write_bytes(2 * whole + whole[:100])
    found = []
    with (tmp_path / "x").open("rb") as file, pytest.raises(AudioError):
        found.extend(reading.read(file))
    assert len(sound(found)) == 2 * len(SAMPLES)


def test_all_whole_blocks_of_a_flac_are_read_before_the_cut(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.flac", SAMPLES, RATE)
    data = (tmp_path / "x.flac").read_bytes()
    (tmp_path / "x.flac").write_bytes(data[: len(data) * 2 // 3])
    for rate in (None, 2 * RATE):
        found = []
        with (tmp_path / "x.flac").open("rb") as file, pytest.raises(CutShortError):
            found.extend(reading.read(file, rate))
        length = len(sound(found)) * RATE // (rate or RATE)
        assert length % 4096 == 0
        assert length > len(SAMPLES) // 2
        assert found[-1].is_end


def written(kind: str, path: Path) -> bytes:
    """That many samples as a program writes them into a file."""
    seconds = str(len(SAMPLES) / RATE)
    source = ["sox", "-V1", "-n", "-r", str(RATE), "-b", "16", "-c", "2"]
    synth = ["synth", seconds, "sine", "300", "gain", "-6"]
    options = {"rf64": ["-rf64", "always", "-f", "wav"], "w64": ["-f", "w64"]}
    if kind not in options:
        subprocess.run([*source, "-t", kind, path, *synth], check=True)
        return path.read_bytes()
    made = subprocess.run([*source, "-t", "wav", "-", *synth], stdout=subprocess.PIPE, check=True)
    command = ["ffmpeg", "-v", "error", "-i", "-", *options[kind], "-y", path]
    subprocess.run(command, input=made.stdout, check=True)
    return path.read_bytes()


@pytest.mark.parametrize("kind", ["wav", "rf64", "w64", "aiff", "au"])
@needs("sox", "ffmpeg")
def test_less_than_its_header_says_is_read_to_the_end_and_reported(
    run: Run, tmp_path: Path, kind: str
) -> None:
    whole = written(kind, tmp_path / "x")
    assert run("mlxtts-read", "x").stderr == b""
    size = len(SAMPLES) * 4
    if kind == "w64":
        size += -size % 8  # ffmpeg fills it up
    for there in (size - 1, size // 2 + 1, 0):
        (tmp_path / "x").write_bytes(whole[: len(whole) - size + there])
        for line, name in (
            ("mlxtts-read x", "x"),
            ("mlxtts-read < x", "stdin"),
            ("cat x | mlxtts-read", "stdin"),
            ("mlxtts-read -o out x; status=$?; cat out; exit $status", "x"),
        ):
            done = run(line)
            reason = f"mlxtts-read: {name}: cut short: {there} of {size} bytes"
            assert (done.returncode, error_of(done)) == (1, reason)
            found = list(pcm0.Reader().read([done.stdout]))
            assert sum(frame.num_samples for frame in found) == there // 4
            assert found[-1].is_end


def test_files_after_one_that_is_cut_short_are_read(run: Run, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", SAMPLES, RATE)
    one = run("mlxtts-read", "x.wav").stdout
    (tmp_path / "y.wav").write_bytes((tmp_path / "x.wav").read_bytes()[:1000])
    done = run("mlxtts-read", "y.wav", "x.wav")
    assert (done.returncode, error_of(done)[:28]) == (1, "mlxtts-read: y.wav: cut shor")
    assert done.stdout.endswith(one)


@pytest.mark.parametrize(
    "writer",
    [
        "sox -V1 x.wav -t wav - tempo 1.25",  # 0x7ffff000
        "sox -V1 x.wav -t wav - rate 11025",  # a sample too many
        "sox -V1 x.wav -t aiff - tempo 1.25",
        "sox -V1 x.wav -t au - tempo 1.25",
        "sox -V1 x.wav -t flac - tempo 1.25",
        "ffmpeg -v error -i x.wav -f wav -",
        "ffmpeg -v error -i x.wav -rf64 auto -f wav -",
        "ffmpeg -v error -i x.wav -rf64 always -f wav -",  # 0, which libsndfile believes
        "ffmpeg -v error -i x.wav -f w64 -",
        "ffmpeg -v error -i x.wav -f aiff -",
        "ffmpeg -v error -i x.wav -f au -",
        "ffmpeg -v error -i x.wav -f flac -",
        "mlxtts-read x.wav | mlxtts-wav",
        "mlxtts-read x.wav | mlxtts-wav --format flac",
    ],
)
@needs("sox", "ffmpeg")
def test_a_stream_goes_on_until_its_end(run: Run, tmp_path: Path, writer: str) -> None:
    soundfile.write(tmp_path / "x.wav", np.tile(SAMPLES, 2)[: RATE * 21 // 10], RATE)
    factor = 1.25 if "tempo" in writer else 1
    for line in (f"{writer} 2>&- | mlxtts-read", f"{writer} 2>&- | cat > y; mlxtts-read y"):
        done = run(line)
        assert (done.returncode, done.stderr) == (0, b"")
        found = list(pcm0.Reader().read([done.stdout]))
        assert len(sound(found)) / found[0].rate == pytest.approx(2.1 / factor, abs=0.01)


@pytest.mark.parametrize("whole", [0, 36, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
@pytest.mark.parametrize("size", [0, 0x7F000000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFDB, 0xFFFFFFFF])
def test_lengths_that_mean_until_the_end(tmp_path: Path, whole: int, size: int) -> None:
    data = bytearray(wav.header(RATE, 1, "PCM_16", 0) + bytes(2 * RATE))
    data[4:8], data[40:44] = struct.pack("<I", whole), struct.pack("<I", size)
    (tmp_path / "x.wav").write_bytes(data)
    assert len(sound(read(tmp_path / "x.wav"))) == RATE
    assert (tmp_path / "x.wav").read_bytes() == data


def test_a_file_without_samples_is_an_end(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", np.zeros((0, 2)), RATE)
    assert read(tmp_path / "x.wav") == [Frame(RATE, b"", 2)]
    header = wav.header(RATE, 1, "PCM_16", 0)
    with_more = header[:4] + struct.pack("<I", 36 + 14) + header[8:] + b"LIST\6\0\0\0INFOxx"
    (tmp_path / "x.wav").write_bytes(with_more)
    assert read(tmp_path / "x.wav") == [Frame(RATE)]


def test_memory_is_bounded(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", np.zeros(100 * RATE), RATE)
    with (tmp_path / "x.wav").open("rb") as file:
        found = reading.read(file, rate=16_000)
        next(found)
        tracemalloc.start()
        assert sum(frame.num_samples for frame in found) > 99 * 16_000
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 500_000


def test_files_pipes_and_stdin_are_read_alike(run: Run, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", SAMPLES, RATE)
    soundfile.write(tmp_path / "y.ogg", SAMPLES, RATE)
    one = run("mlxtts-read", "x.wav", "y.ogg").stdout
    assert one == run("cat x.wav | mlxtts-read - y.ogg").stdout
    assert one == run("mlxtts-read <(cat x.wav); mlxtts-read < y.ogg").stdout
    assert {path.name for path in tmp_path.iterdir()} == {"x.wav", "y.ogg"}
