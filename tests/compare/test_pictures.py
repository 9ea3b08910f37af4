import io
import re
import struct
import zlib

import numpy as np
import soundfile

from mlxtts.compare import page, pictures

RATE = 24_000
TIME = np.arange(RATE) / RATE


def pixels(png: bytes) -> np.ndarray:
    """The indices of a PNG with a palette; all checksums are checked."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {}
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        name, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length :][:4])[0] == zlib.crc32(name + data)
        chunks[name], at = data, at + 12 + length
    width, height, depth, kind = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (depth, kind, len(chunks[b"PLTE"]), len(chunks[b"tRNS"])) == (8, 3, 768, 256)
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert not rows[:, 0].any()
    return rows[:, 1:]


def test_a_tone_is_a_line_where_it_belongs() -> None:
    tops = []
    for frequency in (300, 1000, 4000, 11_000):
        sound = (0.5 * np.sin(2 * np.pi * frequency * TIME)).astype(np.float32)
        image = pixels(pictures.spectrogram(sound, RATE, 50))
        assert image.shape == (pictures.BANDS, 50)
        row = int(np.argmax(image[:, 25]))
        tops.append(row)
        mel = 2595 * np.log10(1 + frequency / 700) / (2595 * np.log10(1 + 12_000 / 700))
        assert abs(row - (pictures.BANDS - 1) * (1 - mel)) <= 2
        assert image[(row + 40) % pictures.BANDS, 25] < image[row, 25] / 2
    assert tops == sorted(tops, reverse=True)


def test_silence_has_no_colour() -> None:
    assert not pixels(pictures.spectrogram(np.zeros(RATE, np.float32), RATE)).any()
    assert pixels(pictures.spectrogram(np.zeros(0, np.float32), RATE, 10)).shape[1] == 10


def numbers(path: str) -> np.ndarray:
    return np.array(re.findall(r"-?[\d.]+(?:e-?\d+)?", path), float).reshape(-1, 2)


def test_a_wave_fills_its_range() -> None:
    points = numbers(pictures.waveform(np.array([0, 1, -1, 0.5] * 500, np.float32), 100))
    assert points[:, 0].min() == 0
    assert points[:, 0].max() == 99
    assert (points[:, 1].min(), points[:, 1].max()) == (0, pictures.HEIGHT)


def test_levels_are_decibels() -> None:
    sound = np.repeat(np.float32([1, 0.001, 1e-9]), 10)
    points = numbers(pictures.level(sound, 3).replace("Z", ""))
    assert points[1:4, 1].round(1).tolist() == [0, round(60 / 140 * 100, 1), 100]
    assert pictures.level(np.zeros(5, np.float32)) == ""


def test_places_and_steps() -> None:
    assert pictures.ticks([0, 50], 100, 1000) == "M0.00 0V100M500.00 0V100"
    assert pictures.steps([1, 2], [5, 9]) == [(1, 0), (1, 5), (2, 5), (2, 9)]


def test_marks_on_an_axis() -> None:
    assert page._marks(5.2) == [0, 1, 2, 3, 4, 5]
    assert page._marks(0.37) == [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35]
    assert page._marks(100)[1] == 20


def test_wav_files_keep_every_bit() -> None:
    sound = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    read, rate = soundfile.read(io.BytesIO(page.wav_file(sound, RATE)), dtype="float32")
    assert rate == RATE
    np.testing.assert_array_equal(read, sound)
    short, _ = soundfile.read(io.BytesIO(page.wav_file(sound, RATE, "PCM_16")))
    np.testing.assert_allclose(short, np.clip(sound, -1, 1), atol=1e-4)
