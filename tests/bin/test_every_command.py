"""What holds for every command in bin/, and for its manual page."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlxtts import __version__
from tests.conftest import BIN, ROOT, Run, environment, error_of, needs, without_report
from tests.fakehub import Hub

COMMANDS = sorted(path.name for path in BIN.iterdir() if path.is_file())
PAGES = sorted(path.name for path in (ROOT / "man").iterdir())
SHARED = {"-h", "--help", "-q", "--quiet", "-v", "--verbose", "--version"}

every_command = pytest.mark.parametrize("command", COMMANDS)
every_page = pytest.mark.parametrize("page", PAGES)


@every_command
def test_help_is_instant(command: str) -> None:
    """Only light modules are imported before the arguments are parsed."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", str(BIN / command), "--help"],
        capture_output=True,
        check=True,
        text=True,
    )
    assert done.stdout.startswith(f"usage: {command} ")
    modules = {line.split("|")[-1].strip().split(".")[0] for line in done.stderr.splitlines()}
    heavy = {"mlx", "numpy", "tokenizers", "soundfile", "sounddevice", "num2words", "uvicorn"}
    assert not modules & {*heavy, "huggingface_hub", "tqdm"}


@every_command
def test_version(command: str, run: Run) -> None:
    assert run(command, "--version").stdout.decode() == f"{command} {__version__}\n"


@every_command
def test_an_unknown_option_is_wrong_usage(command: str, run: Run) -> None:
    done = run(command, "--no-such-option")
    assert (done.returncode, done.stdout) == (2, b"")
    assert error_of(done) == (
        f"{command}: unrecognized arguments: --no-such-option (try {command} --help)"
    )


@every_command
@pytest.mark.parametrize("option", ["--help", "--version"])
def test_the_last_write_is_checked(command: str, option: str, run: Run) -> None:
    done = run(f"{command} {option} > /dev/full")
    assert (done.returncode, error_of(done)) == (
        1,
        f"{command}: stdout: No space left on device",
    )


@every_command
def test_commands_are_short(command: str) -> None:
    assert len((BIN / command).read_text().splitlines()) <= 80


@every_command
def test_the_manual_has_the_options_of_the_parser(command: str, run: Run) -> None:
    page = (ROOT / "man" / f"{command}.1").read_text()
    documented = set()
    for line in re.findall(r"^\.It (Fl .*)", page, re.M):
        for option in re.findall(r"Fl ([\w-]+)", line):
            documented.add(f"-{option}")
    helped = run(command, "--help").stdout.decode()
    offered = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", helped.split("\n\n", 1)[1]))
    offered -= {word for word in offered if word.startswith("-") and word not in helped}
    shared = set() if command == "mlxtts" else SHARED
    own = {"-v"} if "-v, --verbose" not in helped and "-v" in offered else set()
    assert documented == offered - shared | own


@every_page
def test_pages_are_short_and_complete(page: str) -> None:
    text = (ROOT / "man" / page).read_text()
    assert len(text.splitlines()) <= 130
    sections = re.findall(r"^\.Sh (.*)", text, re.M)
    required = ["NAME", "DESCRIPTION", "EXAMPLES", "SEE ALSO"]
    if page.endswith(".1"):
        required[1:2] = ["SYNOPSIS", "DESCRIPTION"]
        required[-2:-2] = ["EXIT STATUS"]
    assert [section for section in sections if section in required] == required
    for name, section in re.findall(r"^\.Xr (mlxtts\S*) (\d)", text, re.M):
        assert f"{name}.{section}" in PAGES


@every_page
@needs("mandoc")
def test_pages_are_well_formed(page: str) -> None:
    done = subprocess.run(
        ["mandoc", "-Tlint", str(ROOT / "man" / page)], capture_output=True, text=True, check=False
    )
    said = [
        line
        for line in done.stdout.splitlines()
        if "referenced manual not found" not in line and "mandoc.db" not in line
    ]
    assert said == []


def examples(page: str) -> list[str]:
    """The commands in a page's EXAMPLES, as the reader sees them."""
    section = (ROOT / "man" / page).read_text().split(".Sh EXAMPLES\n")[1].split("\n.Sh ")[0]
    found = re.findall(r"^\.Dl (.*)$|^\.Bd -literal.*\n((?:(?!\.Ed).*\n)*)\.Ed", section, re.M)
    texts = [line or block for line, block in found]
    escapes = {r"\(dq": '"', r"\e": "\\", r"\&": ""}
    return [re.sub(r"\\(?:\(dq|e|&)", lambda m: escapes[m[0]], text) for text in texts]


INSTALLED = {"PYTHONPATH": str(ROOT)}
"""For examples in Python that use the package."""
EXAMPLES = [
    pytest.param(page, number, marks=[needs("perl", "cc")] if page.endswith(".7") else [])
    for page in PAGES
    for number in range(len(examples(page)))
]


@pytest.mark.parametrize(("page", "number"), EXAMPLES)
@needs("curl", "sox", "ffmpeg", "jq")
def test_examples_run(page: str, number: int, online: Run, published: Hub, tmp_path: Path) -> None:
    command = examples(page)[number]
    if "mlxtts-play" in command:
        command = command.replace("mlxtts-play", "mlxtts-wav -o played.wav")  # no loudspeaker here
        command = re.sub(r"ssh host '([^']*)'", r"bash -c '\1'", command)
    done = online(command, **INSTALLED)
    assert (done.returncode, without_report(done.stderr)) == (0, b"")
    assert published.asked == [] or "mlxtts-fetch" in command
    written = [path for path in tmp_path.iterdir() if path.suffix in (".wav", ".flac", ".m4a")]
    for path in re.findall(r"-o (\S+\.wav)", command):
        assert tmp_path / path in written
    assert all(path.stat().st_size > 4_000 for path in written)
    assert written or done.stdout or command.startswith("eval ")


def test_after_two_dashes_there_are_no_options(run: Run, tmp_path: Path) -> None:
    assert b'"--help"' in run("mlxtts-tokens", "--", "--help").stdout
    assert run("mlxtts-tokens", "--temperature", "0", "--", "-o", "out").returncode == 0
    (tmp_path / "-x").write_bytes(b"")
    assert (
        run("mlxtts-wav", "-o", "y.wav", "--", "-x").stderr
        == b"mlxtts-wav: -x: byte 0: the stream is empty\n"
    )
    assert not (tmp_path / "out").exists()


def test_two_outputs_cannot_be_one_file(run: Run) -> None:
    done = run("mlxtts-tokens Hi. | mlxtts-decode -o x --timings ./x")
    assert done.returncode == 2
    assert error_of(done).startswith("mlxtts-decode: ./x: two outputs cannot go there")
    assert run("mlxtts-tokens Hi. | mlxtts-decode -o /dev/null --timings /dev/null").returncode == 0


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/dev/fd/3"])
def test_descriptors_have_names(name: str, run: Run, tmp_path: Path) -> None:
    number = 3 if name.endswith("3") else 1
    (tmp_path / "log").write_text("precious\n")
    done = run(f"mlxtts-tokens -v -o {name} Hi. {number}> out 2>> log")
    assert (tmp_path / "out").read_bytes() == run("mlxtts-tokens Hi.").stdout, done.stderr
    assert (tmp_path / "log").read_text().startswith("precious\nmlxtts-tokens: ")


@needs("ffmpeg")
def test_a_deadly_signal_is_not_lost_in_a_library(run: Run, tmp_path: Path) -> None:
    """Which calls back to read an MP3."""
    source = "-f lavfi -i sine=400:d=900 -ar 24000 -ac 1 -b:a 64k -write_xing 0"
    assert run(f"ffmpeg -v error {source} long.mp3").returncode == 0
    for delay in (0.3, 0.35, 0.4, 0.45, 0.5, 0.55):
        line = f"timeout -s TERM --preserve-status {delay} mlxtts-read -o out long.mp3"
        done = run(*line.split())
        assert (done.returncode, done.stderr) == (128 + signal.SIGTERM, b"")
        assert {path.name for path in tmp_path.iterdir()} == {"long.mp3"}


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("command", ["mlxtts-tokens", "mlxtts-wav"])
def test_a_deadly_signal_kills_and_leaves_no_file(
    command: str, signum: int, tmp_path: Path
) -> None:
    with subprocess.Popen(
        [command, "-o", "out.wav"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=environment(),
        preexec_fn=lambda: signal.signal(signum, signal.SIG_DFL),  # nohup may have begun the tests
    ) as process:
        assert process.stdin
        assert process.stderr
        while not list(tmp_path.iterdir()):  # it has begun to write
            assert process.poll() is None
        os.kill(process.pid, signum)
        assert process.stderr.read() == b""
        assert process.wait() == -signum
    assert list(tmp_path.iterdir()) == []
