"""README's recipes, run as they stand; a loudspeaker and a second machine are stood in for."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT, Run, needs, needs_pulse, without_report
from tests.fakehub import Hub
from tests.pulse import Loudspeaker

README = (ROOT / "README.md").read_text()
RECIPES = re.findall(r"```sh\n(.*?)```", README.split("## Recipes")[1].split("\n## ")[0], re.DOTALL)
STAND_INS = {
    r"\| mlxtts-play\b": "| mlxtts-wav -o played.wav",
    r"\| ssh desk mlxtts-play\b": "| bash -c 'mlxtts-wav -o played.wav'",
}


@pytest.mark.parametrize("number", range(len(RECIPES)))
@needs("sox", "ffmpeg", "jq", "parallel")
def test_recipes(number: int, online: Run, published: Hub, tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("One line.\nAnother line.\nThe third.\n")
    (tmp_path / "book.txt").write_text("Chapter 1\n\nIt begins.\n\nChapter 2\n\nIt ends.\n")
    recipe = RECIPES[number]
    for there, here in reversed(STAND_INS.items()):
        recipe = re.sub(there, here, recipe)
    assert "mlxtts-play" not in recipe
    done = online(recipe)
    assert (done.returncode, without_report(done.stderr)) == (0, b"")
    assert published.asked == [] or "mlxtts-fetch" in recipe
    sounds = [path for path in tmp_path.iterdir() if path.name not in ("lines.txt", "book.txt")]
    assert sounds
    for path in sounds:
        assert path.stat().st_size > (60 if path.suffix in (".srt", ".jsonl") else 500)


PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_python(number: int, run: Run, tmp_path: Path) -> None:
    """Each alone, in an empty folder."""
    done = run(sys.executable, "-W", "error", "-c", PYTHON[number], PYTHONPATH=str(ROOT))
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout or [*tmp_path.iterdir()]
    assert all(path.stat().st_size > 500 for path in tmp_path.iterdir())


ROWS = re.findall(r"\| `([^`]*)` \|$", README.split("## Coming from mlx-audio")[1], re.MULTILINE)


@needs_pulse
@pytest.mark.parametrize("number", range(len(ROWS)))
def test_each_row_for_those_who_come_from_mlx_audio(
    number: int,
    run: Run,
    loudspeaker: Loudspeaker,
    tmp_path: Path,
) -> None:
    line = ROWS[number].replace("\\|", "|")
    if "mlxtts-say" in line:
        done = run(line, **loudspeaker.env)
        plays = "--play" in line or "--stream" in line
        assert [*tmp_path.iterdir()] if not plays else np.abs(loudspeaker.heard()).max() > 0.05
    else:
        made = line.partition(" = ")[0] if " = " in line else "True"
        code = f"from mlxtts import *\n{line}\nassert {made}"
        done = run(sys.executable, "-c", code, PYTHONPATH=str(ROOT))
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_rows_are_there() -> None:
    assert len(ROWS) >= 14


def test_there_are_five_examples_in_python() -> None:
    assert len(PYTHON) >= 5


def test_there_are_ten_of_them() -> None:
    assert len(RECIPES) >= 10


@needs("sox", "ffmpeg")
def test_the_cron_line(run: Run, tmp_path: Path) -> None:
    line = re.search(r"```crontab\n(.*?)\n```", README)
    assert line
    command = line[1].split(None, 5)[5].replace(r"\%", "%").replace("/home/me/.venv/bin/", "")
    done = run(command.replace("mlxtts play", "mlxtts wav -o morning.wav"))
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "morning.wav").stat().st_size > 20_000


def test_the_first_command_is_what_it_says(run: Run, tmp_path: Path) -> None:
    """Without the installation, and where there is no loudspeaker."""
    block = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)[0]
    install, speak, play = block.strip().split("\n")
    assert install.endswith("pip install -q -e . &&")
    assert play == "mlxtts-play hello.pcm0"
    done = run(speak)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "hello.wav").stat().st_size > 20_000
    assert (tmp_path / "hello.pcm0").read_bytes()[:4] == b"PCM0"


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(((?!http)[^)]+)\)", README):
        assert (ROOT / target).exists(), target
