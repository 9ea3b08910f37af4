"""What the starter voice is trained from and how it is measured; the training itself is tested in
tests/parity, as it needs torch."""

import gzip
import os
import pickle
import random
import re
import subprocess
import sys

import numpy as np
import pytest

from mlxtts.voices.starter.training import (
    __main__,
    chain,
    evaluate,
    expression,
    letters,
    listen,
    measures,
    phrases,
    progress,
    teacher,
    text,
)


def test_normalise_writes_numbers_out_and_keeps_to_the_alphabet():
    assert (
        text.normalise("It's 21 o\u2019clock \u2014 \u201cGO\u201d (now) & then, 5%!")
        == "it's twenty-one o'clock go now and then, five percent!"
    )
    assert set(text.normalise("Ünïcode\t№ 7 \u2014 ok?")) <= set(text.CHARACTERS)


def test_held_out_lines_are_a_thousand_different_ones_in_the_alphabet():
    lines = text.held_out()
    assert len(set(lines)) == len(lines) == 1000
    assert all(text.normalise(line) == line for line in lines)


def test_lines_to_express_are_in_the_alphabet_and_not_among_the_held_out():
    lines = text.held_out(text.EXPRESSED)
    asked = [line for line in lines if expression.read(line).rises]
    stressed = [line for line in lines if len(expression.read(line).emphasised) == 1]
    assert asked + stressed == lines
    assert len(asked) == len(stressed) == 25
    bare = {line.replace("*", "") for line in lines}
    assert len(bare) == 50
    assert {text.normalise(line) for line in lines} == bare
    assert not bare & {*text.held_out()}


def test_a_voice_that_is_named_twice_reads_twice_as_much():
    readers = [teacher.voice_of(number, ("slt", "slt", "rms")) for number in range(3000)]
    assert readers.count("slt") == pytest.approx(2000, abs=20)
    assert readers.count("rms") == 3000 - readers.count("slt")


def _make_text(folder, words):
    sources = "--fortunes", folder, "--wordnet", folder, "--words", words
    __main__.main(["text", *map(str, [*sources, "--number", 50, "--work", folder])])


def test_a_missing_source_is_named_with_its_package(tmp_path):
    with pytest.raises(SystemExit, match=r"no .*/none; .* wamerican has it"):
        _make_text(tmp_path, tmp_path / "none")
    assert not (tmp_path / "text.txt.gz").exists()


def test_without_flite_the_teacher_ends_at_once_and_says_what_to_install(tmp_path):
    with gzip.open(tmp_path / "text.txt.gz", "wt") as file:
        file.write("hello.\n")
    command = [sys.executable, "-m", __main__.__package__, "teacher", "--work", str(tmp_path)]
    nowhere = dict(os.environ, FLITE_LIBS=str(tmp_path))
    ended = subprocess.run(command, env=nowhere, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert "in Debian the package libflite1 has it" in ended.stderr


def test_lines_to_express_are_in_no_training_text(tmp_path):
    (tmp_path / "words").write_text("boat\nship\n")
    (tmp_path / "quotes").write_text(
        "Nobody knows why.\n%\nDid the kettle boil over again?\n%\nWe waited here.\n"
    )
    _make_text(tmp_path, tmp_path / "words")
    lines = text.read(tmp_path / "text.txt.gz")
    assert any("nobody knows" in line for line in lines)
    assert not any("kettle" in line for line in lines)


def test_the_maker_never_makes_an_excluded_line(tmp_path):
    (tmp_path / "quotes").write_text(
        "Small boats sail home.\n%\nBig ships stay out there.\n%\nNobody knows why.\n"
    )
    (tmp_path / "words").write_text("boat\nship\nsail\nCamel's\nnot a word\n")
    excluded = ["small boats sail home.", "nobody knows why"]
    made = text.make(200, tmp_path, tmp_path / "none", tmp_path / "words", exclude=excluded)
    assert len(made) == len(set(made)) == 200
    assert not {text.normalise(line) for line in excluded} & set(made)
    assert any("big ships stay" in line for line in made)
    assert any("camel's" in line for line in made)
    assert made == text.make(200, tmp_path, tmp_path / "none", tmp_path / "words", exclude=excluded)


def test_a_dealer_deals_every_word_before_it_repeats_one():
    deal = phrases.dealer(list("abcdef"), seed=3)
    for _ in range(3):
        assert sorted(deal() for _ in range(6)) == list("abcdef")


def test_spelled_letters_stand_alone_and_at_every_place_of_a_sentence():
    rng = random.Random(5)
    made = [letters.spelled(rng, ["mellow", "it's"]) for _ in range(3000)]
    assert all(text.normalise(line) == line for line in made)
    for pattern in (
        r"[a-z]( [a-z]){5}[.!?]?",
        r"[a-z]( [a-z]){3} [a-z]{2,}.* the .*",
        r"[a-z]{2,} .*, [a-z], [a-z],? and [a-z] [a-z]{2,}.*",
        r".* [a-z]{2,}( [a-z]){2,}",
        r".*\b([a-z])(,? \1){2}\b.*",
        r"mellow is spelled m, e, l, l, o, w\.",
    ):
        assert any(re.fullmatch(pattern, line) for line in made), pattern


def test_error_rates_count_edits():
    assert listen.edits("kitten", "sitting") == 3
    assert listen.edits("", "abc") == 3
    characters, words = listen.error_rates(["Hello, world!", "yes-no"], ["hello word", "yes no"])
    assert characters == pytest.approx(1 / 17)
    assert words == pytest.approx(1 / 4)


def test_distances_see_what_differs_and_not_how_long_it_takes():
    time = np.arange(24000) / 24000
    tone = 0.3 * np.sin(2 * np.pi * 150 * time) * (time > 0.2) + 0.1 * np.sin(
        2 * np.pi * 1500 * time
    ) * (time > 0.6)
    same = measures.compare(tone, tone)
    assert same == {"spectrum": 0, "pitch": 0, "voicing": 0}
    longer = np.concatenate([np.zeros(4800), tone])
    assert measures.compare(tone, longer)["spectrum"] < 1.0
    higher = 0.3 * np.sin(2 * np.pi * 159 * time) * (time > 0.2)
    assert measures.compare(tone, higher)["pitch"] == pytest.approx(100, abs=40)
    assert measures.steps(np.array([0.0, 0.1, -0.8, 0.8])) == pytest.approx(2.0)


def test_durations_tell_short_long_and_cut():
    references = [np.zeros(20 * teacher.FRAME)] * 4
    spoken = [
        chain.Spoken(None, frames, end, 0, 0)
        for frames, end in ((20, "stop"), (14, "stop"), (27, "stop"), (21, "length"))
    ]
    assert evaluate.durations(spoken, references) == {
        "spoken": 4,
        "median": pytest.approx(1.025),
        "short": 1,
        "long": 1,
        "cut": 1,
    }


def test_short_words_may_differ_by_a_frame_or_two():
    spoken = [chain.Spoken(None, 7, "stop", 0, 0)]
    found = evaluate.durations(spoken, [np.zeros(5 * teacher.FRAME)])
    assert (found["short"], found["long"]) == (0, 0)


def test_what_was_made_is_not_made_again_unless_the_settings_changed(tmp_path):
    path, asked = tmp_path / "progress", []

    def make(until):
        def numbers(first):
            asked.append(first)
            yield from range(first, until)

        return numbers

    first = progress.Progress(path, {"seed": 0}, resume=True)
    assert first.go_on("squares", make(3)) == [0, 1, 2]
    with path.open("ab") as file:
        file.write(pickle.dumps(("squares", 3))[:-4])  # interrupted while writing
    for until, wanted in ((5, [0, 1, 2, 3, 4]), (5, [0, 1, 2, 3, 4])):
        again = progress.Progress(path, {"seed": 0}, resume=True)
        assert again.go_on("squares", make(until)) == wanted
    assert again.go_on("others", make(1)) == [0]
    assert asked == [0, 3, 5, 0]
    assert progress.Progress(path, {"seed": 1}, resume=True).lists == {}
    assert progress.Progress(path, {"seed": 1}, resume=False).lists == {}
    path.write_bytes(b"")
    assert progress.Progress(path, {"seed": 1}, resume=True).lists == {}
    assert progress.Progress(path, {"seed": 1}, resume=True).lists == {}


@pytest.mark.parametrize(
    ("line", "text", "emphasised", "rises"),
    [
        ("it is monday.", "it is monday.", set(), False),
        ("is it monday?", "is it monday?", set(), True),
        ("what is it?", "what is it?", set(), False),
        ("look! is it you?", "look! is it you?", set(), True),
        ("is it? no.", "is it? no.", set(), False),
        ("the *red*, not the *blue* one.", "the red, not the blue one.", {1, 4}, False),
        ("*is* it?", "is it?", {0}, True),
        ("", "", set(), False),
    ],
)
def test_what_is_read_of_a_line(line, text, emphasised, rises):
    assert expression.read(line) == expression.Expression(text, frozenset(emphasised), rises)


def test_marks_are_put_on_words_and_read_again():
    rng, line = random.Random(1), "it's a well-known fact, i am told: nobody knows."
    for _ in range(50):
        marked = expression.mark(rng, line)
        how = expression.read(marked)
        assert how.text == line
        assert 1 <= len(how.emphasised) <= 2
        assert not how.emphasised & {1, 4, 5}  # too short
    assert expression.mark(rng, "a b.") == "a b."


def test_a_pitch_is_bent_where_it_should_be():
    times = np.arange(0, 1, 0.005)
    phones = [
        expression.Phone(name, end, token, stressed)
        for name, end, token, stressed in (
            ("pau", 0.1, -1, False),
            ("ih", 0.3, 0, True),
            ("m", 0.5, 1, True),
            ("ah", 0.7, 1, True),
            ("iy", 0.8, 1, False),
            ("pau", 1.0, -1, False),
        )
    ]
    flat = expression.Expression("x")
    assert flat.plain
    assert (flat.pitch(times, phones) == 1).all()
    rise = expression.Expression("x", rises=True).pitch(times, phones)
    assert (rise[times <= 0.5] == 1).all()
    assert rise[times >= 0.8] == pytest.approx(expression.RISE)
    assert (np.diff(rise) >= 0).all()
    bump = expression.Expression("x", frozenset({0})).pitch(times, phones)
    assert bump[(times < 0.1) | (times > 0.3)] == pytest.approx(1)
    assert bump[abs(times - 0.2) < 0.05] == pytest.approx(expression.RAISE)
    silent = expression.Expression("x", frozenset({7}), rises=True)
    assert (silent.pitch(times, [expression.Phone("pau", 1.0)]) == 1).all()
