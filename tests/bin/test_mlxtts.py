"""The dispatcher and the completions."""

import os
import re
import subprocess
import sys
from itertools import takewhile
from pathlib import Path

import pytest

from tests.conftest import Run, environment, error_of, needs


def test_alone_it_lists_the_commands(run: Run, tmp_path: Path) -> None:
    own = tmp_path / "mlxtts-own"
    own.write_text("#!/bin/sh\necho mine $@\n")
    own.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{environment()['PATH']}"
    lines = run("mlxtts", PATH=path).stdout.decode().splitlines()
    assert "own" in lines
    assert "wav        PCM0 to a sound file, or to stdout" in lines
    assert lines == sorted(lines)
    assert run("mlxtts", "own", "-x", "a b", PATH=path).stdout == b"mine -x a b\n"
    assert (
        run("mlxtts", "-q", "-v", "own", "-x", PATH=path).stdout == b"mine --quiet --verbose -x\n"
    )


def test_options_before_the_command_are_its_own(run: Run) -> None:
    done = run("mlxtts", "-v", "say", "-o", "x.wav", "Hi.")
    assert done.returncode == 0, done.stderr


def test_a_folder_that_cannot_be_looked_into_is_passed_over(run: Run) -> None:
    path = f"{environment()['PATH']}{os.pathsep}/{'x' * 300}"
    assert b"usage: mlxtts-wav" in run("mlxtts", "wav", "--help", PATH=path).stdout


def test_it_becomes_the_command(run: Run) -> None:
    assert run("mlxtts", "tokens", "--list-voices").stdout == b"slt\nrms\nawb\nkal16\n"
    done = run("mlxtts", "wav", "--bogus")
    assert done.returncode == 2
    assert error_of(done).startswith("mlxtts-wav: unrecognized arguments: --bogus")
    assert b"usage: mlxtts-wav" in run("mlxtts", "wav", "--help").stdout


def test_unknown_words_are_errors(run: Run) -> None:
    done = run("mlxtts", "sing")
    assert done.returncode == 2
    assert error_of(done).startswith("mlxtts: sing: no such command; there are compare, decode, ")


BASH = r"""
eval "$(mlxtts --completion bash)"
COMP_WORDS=($LINE); [[ $LINE == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_mlxtts "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"""
FISH = 'mlxtts --completion fish | source; complete -C "$LINE" | string split -f 1 \\t'
LINES = [
    ("mlxtts de", {"decode"}),
    ("mlxtts-tokens --vo", {"--voice"}),
    ("mlxtts decode --ch", {"--chunk-tokens", "--chunk-ms"}),
    ("mlxtts-tokens --voice s", {"slt"}),
    ("mlxtts-tokens --model sta", {"starter"}),
    ("mlxtts fetch sn", {"snac"}),
    ("mlxtts-quantize sta", {"starter"}),
    ("mlxtts-tokens --model sn", set()),
    ("mlxtts-decode --codec sn", {"snac"}),
    ("mlxtts-quantize sn", set()),
    ("mlxtts-quantize --recipe mixed_3", {"mixed_3_4", "mixed_3_6"}),
    ("mlxtts wav --format m", {"mp3"}),
    ("mlxtts-say -v s", {"slt"}),
    ("mlxtts say --voice s", {"slt"}),
    ("mlxtts-ws --voice s", {"slt"}),
    ("mlxtts-quantize --bits s", set()),
    ("mlxtts-quantize --no-measure s", {"starter"}),
]


@needs("bash")
@pytest.mark.parametrize(("line", "words"), LINES)
def test_bash(line: str, words: set[str], run: Run) -> None:
    assert set(run(BASH, LINE=line).stdout.decode().split()) == words


@needs("fish")
@pytest.mark.parametrize(("line", "words"), LINES)
def test_fish(line: str, words: set[str], run: Run) -> None:
    assert set(run("fish", "-c", FISH, LINE=line).stdout.decode().split()) == words


ZSH = r"""
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PS1=; stty -echo; autoload -U compinit; compinit -u -D; unsetopt auto_menu'
zpty -w shell 'show() { print -r -- "[$BUFFER]" }; zle -N show; bindkey "^X" show'
zpty -w shell 'eval "$(mlxtts --completion zsh)"; echo REA""DY'
zpty -r -m shell out '*READY*'
zpty -w -n shell "$LINE"$'\t\x18'
zpty -r -m shell out '*\[*\]*'
print -r -- $out
"""


@needs("zsh")
@pytest.mark.parametrize(
    ("line", "words"),
    [*LINES, ("mlxtts decode --resp", {"--respect-source-boundaries"}), ("mlxtts-wav o", {"own"})],
)
def test_zsh(line: str, words: set[str], run: Run, tmp_path: Path) -> None:
    """What is typed becomes what all the words have in common."""
    (tmp_path / "own").touch()
    done = run("zsh", "-c", ZSH, LINE=line, timeout=60)
    completed = re.findall(r"\[(mlxtts.*)\]", done.stdout.decode())
    before, _, typed = line.rpartition(" ")
    common = takewhile(lambda alike: len({*alike}) == 1, zip(*words, strict=False))
    common_start = "".join(letter for letter, *_ in common)
    assert [one.rstrip() for one in completed] == [f"{before} {common_start or typed}"]


def test_a_checkout_needs_no_installation(tmp_path: Path) -> None:
    """The commands find the package beside them."""
    script = str(Path(__file__).parents[2] / "bin" / "mlxtts-tokens")
    done = subprocess.run(
        [sys.executable, "-S", "-E", script, "--version"],
        capture_output=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.stdout.startswith(b"mlxtts-tokens "), done.stderr
