"""Captions: all that is said, two lines at a time, and files that ffmpeg reads."""

import json
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxtts.errors import UsageError
from mlxtts.text.captions import LINE, LINES, Cue, Track, cues

WORDS = st.lists(st.text("abc.!", min_size=1, max_size=12), min_size=1, max_size=40)


@given(WORDS)
def test_all_is_shown_in_its_time(words: list[str]) -> None:
    timed = [(word, n / 2, n / 2 + 0.4) for n, word in enumerate(words)]
    found = [*cues("", 0, 99, timed)]
    assert " ".join(cue.text for cue in found).split() == words
    assert (found[0].start, found[-1].stop) == (0, timed[-1][2])
    assert all(a.stop <= b.start for a, b in pairwise(found))
    for cue in found:
        lines = cue.text.split("\n")
        assert len(lines) <= LINES
        assert max(map(len, lines)) <= LINE


def test_without_the_times_of_words_letters_last_alike() -> None:
    text = "one two " * 12
    found = [*cues(text, 2, 26)]
    assert len(found) == 2
    assert found[0].start == 2
    assert found[-1].stop == pytest.approx(26)
    share = len(found[0].text.replace("\n", "").replace(" ", "")) / len(text.replace(" ", ""))
    assert found[0].stop == pytest.approx(2 + 24 * share)


def test_a_cue_ends_with_a_sentence_if_it_can() -> None:
    text = "This is the first of the sentences that are here to be said. And this one follows it."
    assert next(cues(text, 0, 1)).text.endswith("said.")


def test_no_words() -> None:
    assert [*cues("", 0, 1)] == []


def test_srt() -> None:
    track = Track("x.SRT")
    assert track.head == ""
    assert track.entry(Cue(0.0004, 3661.5, "a < b")) == (
        "1\n00:00:00,000 --> 01:01:01,500\na < b\n\n"
    )
    assert track.entry(Cue(1, 2, "c")).startswith("2\n")


def test_vtt() -> None:
    track = Track("x.vtt")
    assert track.head == "WEBVTT\n\n"
    assert track.entry(Cue(1.25, 2, "a <b> & c")) == (
        "1\n00:00:01.250 --> 00:00:02.000\na &lt;b&gt; &amp; c\n\n"
    )


def test_other_names() -> None:
    with pytest.raises(UsageError, match=r"^captions x\.txt: must end in \.srt or \.vtt"):
        Track("x.txt")


@pytest.mark.skipif(not shutil.which("ffprobe"), reason="needs ffprobe on PATH (Debian: ffmpeg)")
@pytest.mark.parametrize("name", ["x.srt", "x.vtt"])
def test_ffmpeg_reads_them(tmp_path: Path, name: str) -> None:
    track, path = Track(name), tmp_path / name
    shown = [Cue(0.5, 1.25, "Tom & <Jerry>"), Cue(2, 3, "two\nlines")]
    path.write_text(track.head + "".join(map(track.entry, shown)))
    command = ["ffprobe", "-v", "error", "-show_packets", "-of", "json", str(path)]
    done = subprocess.run(command, capture_output=True, check=True)
    packets = json.loads(done.stdout)["packets"]
    assert [float(p["pts_time"]) for p in packets] == [0.5, 2]
    assert [float(p["duration_time"]) for p in packets] == [0.75, 1]
