"""mlxtts-fetch, mlxtts-models, and models by name, with a hub on this machine."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import STARTER, Run, environment, error_of, needs
from tests.fakehub import Files, Hub, read

NAME = "someone/small"
WEIGHTS = "model.safetensors"
CODEC = "mlx-community/snac_24khz"
SPEAK = "mlxtts-tokens --model {} --max-tokens 35 --temperature 0 Hello | mlxtts-decode"
BLOCK = 10 << 20  # what huggingface_hub receives before it writes
BIG = "big.safetensors"
CUT = b"mlxtts-tokens: text: line 1: cut short at the limit of tokens\n"


@pytest.fixture
def files(model_folder: Path) -> Files:
    """A small model with its codec, and what must never be asked for."""
    dangers = ("pytorch_model.bin", "modeling.py", "README.md", "codec/pytorch_model.bin")
    return read(model_folder) | dict.fromkeys(dangers, b"import os")


@pytest.fixture
def small(hub: Hub, files: Files) -> Files:
    hub.add(NAME, files)
    return files


@pytest.fixture
def big(hub: Hub, small: Files) -> bytes:
    """A file that comes in three blocks."""
    small[BIG] = bytes(range(256)) * (5 * BLOCK // 512)
    return small[BIG]


def begins(hub: Hub, name: str) -> list[int]:
    """Where in a file each request for it began."""
    return [start for path, start in hub.asked if path == name]


def snapshot(run: Run, *options: str, **more: str) -> Path:
    """The folder that mlxtts-fetch prints."""
    done = run("mlxtts-fetch", *options, NAME, **more)
    assert (done.returncode, done.stderr) == (0, b"")
    return Path(done.stdout.decode().rstrip("\n"))


def test_a_model_speaks_by_its_name(online: Run, hub: Hub, small: Files, tmp_path: Path) -> None:
    first = online(SPEAK.format(NAME))
    assert (first.returncode, first.stderr) == (1, CUT)
    assert len(first.stdout) > 5 * 2048 * 4
    assert first.stdout == online(SPEAK.format("./small")).stdout
    requests = hub.requests
    second = online(SPEAK.format(NAME))
    assert (second.stdout, hub.requests) == (first.stdout, requests)
    offline = online(SPEAK.format(f"{NAME} --offline"), HF_ENDPOINT="http://127.0.0.1:9")
    assert offline.stdout == first.stdout


def test_only_safetensors_and_json_are_asked_for(online: Run, hub: Hub, small: Files) -> None:
    folder = snapshot(online)
    assert hub.names_asked() == {name for name in small if name.endswith(("json", "safetensors"))}
    assert {path.name for path in folder.iterdir()} == {
        "codec", "config.json", WEIGHTS, "tokenizer.json",
    }  # fmt: skip
    assert (folder / WEIGHTS).read_bytes() == small[WEIGHTS]


def test_the_codec_comes_along(online: Run, hub: Hub, files: Files) -> None:
    own = {name: data for name, data in files.items() if name.startswith("codec/")}
    hub.add(NAME, {name: data for name, data in files.items() if name not in own})
    hub.add(CODEC, {name.removeprefix("codec/"): data for name, data in own.items()})
    hub.add("mlx-community/orpheus-3b-0.1-ft-4bit", files)
    done = online("mlxtts-fetch", NAME, "snac", "starter", "orpheus-4bit")
    assert (done.returncode, done.stderr) == (0, b"")
    folders = [Path(line) for line in done.stdout.decode().splitlines()]
    assert [folder.parents[1].name for folder in folders[:2]] == [
        "models--someone--small",
        "models--mlx-community--snac_24khz",
    ]
    assert folders[2] == STARTER
    hub.repositories.clear()
    assert online(SPEAK.format(NAME)).stderr == CUT
    spoken = online("mlxtts-tokens --model orpheus-4bit --voice leo --max-tokens 7 A").stdout
    header = json.loads(spoken.splitlines()[0])
    assert (header["model"], header["codec_path"]) == ("orpheus-4bit", "orpheus-4bit")
    assert online("mlxtts-decode", stdin=spoken).returncode == 0


def test_going_on_where_a_connection_broke(online: Run, hub: Hub, big: bytes) -> None:
    hub.breaking[BIG] = BLOCK + 5
    assert (snapshot(online) / BIG).read_bytes() == big
    assert begins(hub, BIG) == [0, BLOCK]


def test_going_on_where_another_process_was_killed(
    online: Run, hub: Hub, big: bytes, tmp_path: Path
) -> None:
    hub.stalling[BIG] = BLOCK + 5
    home = tmp_path / "home"
    with subprocess.Popen(
        ["mlxtts-fetch", NAME],
        stderr=subprocess.PIPE,
        env=environment(HF_ENDPOINT=hub.url, HF_HUB_OFFLINE="0", HF_HOME=str(home)),
    ) as process:
        assert process.stderr
        while not any(part.stat().st_size == BLOCK for part in home.rglob("*.incomplete")):
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGINT)
        assert process.stderr.read() == b""
        assert process.wait() == -signal.SIGINT
    hub.stalling.clear()
    assert error_of(online("mlxtts-fetch", "--offline", NAME, HF_HOME=str(home)))
    assert (snapshot(online, HF_HOME=str(home)) / BIG).read_bytes() == big
    assert begins(hub, BIG) == [0, BLOCK]
    assert not list(home.rglob("*.incomplete"))


def test_two_at_once_do_not_disturb_each_other(online: Run, hub: Hub, big: bytes) -> None:
    command = f"mlxtts-fetch {NAME}"
    done = online(f"{command} & {command} && wait $!")
    assert (done.returncode, done.stderr) == (0, b"")
    one, other = done.stdout.decode().splitlines()
    assert one == other
    assert (Path(one) / BIG).read_bytes() == big


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        (WEIGHTS, lambda data: data[:-1] + b"x"),
        (WEIGHTS, lambda data: data[:-1]),
        (WEIGHTS, lambda data: data + b"x"),
        ("config.json", lambda data: data.replace(b"slt", b"stl")),
    ],
)
def test_what_comes_damaged_is_not_kept(
    name: str, sent: Callable[[bytes], bytes], online: Run, hub: Hub, small: Files
) -> None:
    hub.instead[name] = sent(small[name])
    done = online("mlxtts-fetch", NAME)
    assert (done.returncode, done.stdout) == (1, b"")
    assert error_of(done) == (
        f"mlxtts-fetch: model '{NAME}': {name} came damaged and was thrown away: try again"
    )
    assert online("mlxtts-fetch", "--offline", NAME).returncode == 1
    hub.instead.clear()
    assert (snapshot(online) / name).read_bytes() == small[name]


def test_what_was_damaged_here_is_fetched_anew(online: Run, hub: Hub, small: Files) -> None:
    weights = snapshot(online) / WEIGHTS
    os.truncate(weights, 1000)
    hub.asked.clear()
    assert (snapshot(online) / WEIGHTS).read_bytes() == small[WEIGHTS]
    assert hub.asked == [(WEIGHTS, 0)]


def test_nothing_comes_when_the_disk_is_full(online: Run, big: bytes) -> None:
    done = online(f"ulimit -f 1000; mlxtts-fetch {NAME}")
    assert done.returncode == 1
    assert error_of(done).startswith(f"mlxtts-fetch: model '{NAME}': /")
    assert error_of(done).endswith(": File too large")


def test_a_revision(online: Run, hub: Hub, small: Files) -> None:
    config = small["config.json"].replace(b'"slt"', b'"old"')
    hub.add(NAME, small | {"config.json": config}, "v1")
    assert online("mlxtts-tokens", "--model", NAME, "--list-voices").stdout == b"slt\nrms\n"
    commit = hub.commit(NAME, "v1")
    for revision in ("v1", commit):
        done = online("mlxtts-tokens", "--model", NAME, "--revision", revision, "--list-voices")
        assert done.stdout == b"old\nrms\n"
    folder = snapshot(online, "--revision", "v1")
    assert folder.name == commit
    hub.repositories.clear()
    offline = "--revision", "v1", "--offline"
    assert snapshot(online, *offline) == folder
    spoken = online("mlxtts-tokens", "--model", NAME, *offline, "--max-tokens", "7", "A").stdout
    assert json.loads(spoken.splitlines()[0])["codec_path"] == str(folder)
    assert online("mlxtts-decode", stdin=spoken).returncode == 0
    assert online("mlxtts-decode", "--codec", NAME, *offline, stdin=spoken).returncode == 0
    done = online("mlxtts-fetch", "--revision", "v2", "--offline", NAME)
    assert error_of(done).endswith(f": not in the cache: run mlxtts-fetch --revision v2 {NAME}")


def test_fetch_brings_up_to_date(online: Run, hub: Hub, small: Files) -> None:
    folder = snapshot(online)
    new = small | {"config.json": small["config.json"].replace(b'"slt"', b'"new"')}
    hub.add(NAME, new)
    hub.asked.clear()
    assert online("mlxtts-tokens", "--model", NAME, "--list-voices").stdout == b"slt\nrms\n"
    assert snapshot(online) != folder
    assert hub.names_asked() == {"config.json"}
    assert online("mlxtts-tokens", "--model", NAME, "--list-voices").stdout == b"new\nrms\n"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("no/such", "no such repository at {url}, or a private one, for which to set HF_TOKEN"),
        ("a/gated", "gated: ask for access at {url}/a/gated, then set HF_TOKEN"),
        ("a/secret", "no such repository at {url}, or a private one, for which to set HF_TOKEN"),
        ("a/token", "{url} answers 401 Unauthorized"),
        ("a/ill", "{url} answers 500 Internal Server Error"),
        ("a/torch", "no safetensors in a/torch, and no other weights are read"),
        ("--revision v9 someone/small", "no revision 'v9' at {url}/someone/small"),
        ("--offline a/gated", "not in the cache: run mlxtts-fetch a/gated"),
    ],
)
def test_what_cannot_be_had(words: str, reason: str, online: Run, hub: Hub, small: Files) -> None:
    hub.add("a/gated", small)
    hub.gated.add("a/gated")
    hub.add("a/torch", {"config.json": b"{}", "pytorch_model.bin": b""})
    hub.refused |= {"a/secret": (401, "RepoNotFound"), "a/token": (401, ""), "a/ill": (500, "")}
    *options, name = words.split()
    for command in ("mlxtts-fetch", "mlxtts-tokens --model"):
        first, *rest = command.split()
        done = online(first, *options, *rest, name)
        assert (done.returncode, done.stdout) == (1, b"")
        assert error_of(done) == f"{first}: model '{name}': " + reason.format(url=hub.url)


def test_no_name(run: Run) -> None:
    done = run("mlxtts-fetch")
    assert done.returncode == 2
    assert error_of(done) == "mlxtts-fetch: a name is needed: mlxtts-models lists some"


def test_no_network(run: Run) -> None:
    there = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0"}
    reason = "cannot reach http://127.0.0.1:9: [Errno 111] Connection refused"
    done = run("mlxtts-fetch", "snac", "starter", **there)
    assert (done.returncode, done.stdout) == (1, f"{STARTER}\n".encode())
    assert error_of(done) == f"mlxtts-fetch: model 'snac': {reason}"
    done = run("mlxtts-tokens", "--model", "orpheus", "Hello", **there)
    assert error_of(done) == f"mlxtts-tokens: model 'orpheus': {reason}"
    done = run("mlxtts-fetch", "orpheus")
    assert error_of(done) == (
        "mlxtts-fetch: model 'orpheus': not in the cache, and HF_HUB_OFFLINE is set: "
        "run mlxtts-fetch orpheus"
    )


def test_a_network_that_goes_away(online: Run, hub: Hub, big: bytes) -> None:
    hub.broken[BIG] = BLOCK + 5
    done = online("mlxtts-fetch", NAME)
    assert done.returncode == 1
    assert error_of(done).startswith(f"mlxtts-fetch: model '{NAME}': cannot reach {hub.url}: ")
    hub.broken.clear()
    assert (snapshot(online) / BIG).read_bytes() == big
    assert begins(hub, BIG) == [0] + [BLOCK] * 6


def test_a_token_goes_to_the_hub_only(online: Run, hub: Hub, small: Files) -> None:
    snapshot(online, HF_TOKEN="hf_secret")
    assert hub.authorized == {hub.url.removeprefix("http://")}


@needs("script")
def test_a_terminal_sees_a_bar(online: Run, hub: Hub, big: bytes) -> None:
    shown = online(
        "script", "-qec", f"stty cols 80 rows 24; mlxtts-fetch {NAME} > out", "/dev/null"
    ).stdout
    assert b"big.safetensors: 100%" in shown
    assert b"Fetching" not in shown
    hub.add("a/b", hub.repositories[NAME]["main"])
    quiet = online(
        "script", "-qec", "stty cols 80 rows 24; mlxtts-fetch -q a/b > out", "/dev/null"
    ).stdout
    assert quiet == b""


def test_what_models_there_are(online: Run, run: Run, hub: Hub, small: Files) -> None:
    hub.add(CODEC, {name[6:]: data for name, data in small.items() if name.startswith("codec/")})
    hub.add("some/llama", small | {"config.json": b'{"model_type":"gpt"}'})
    online("mlxtts-fetch", NAME, "snac", "some/llama")
    rows = [line.split("\t") for line in run("mlxtts-models").stdout.decode().splitlines()]
    assert {len(row) for row in rows} == {7}
    table = {row[0]: row[1:] for row in rows}
    assert table["starter"][:2] == ["model", "embedded"]
    assert int(table["starter"][2]) > 10_000_000
    assert table["starter"][3:] == ["mit", "en", "slt,rms,awb,kal16"]
    assert table["orpheus-fr"] == [
        "model",
        "absent",
        "-",
        "apache-2.0",
        "fr",
        "pierre,amelie,marie",
    ]
    assert table["snac"][:2] == ["codec", "cached"]
    size = sum(len(data) for name, data in small.items() if name.endswith(("json", "tensors")))
    assert table[NAME] == ["model", "cached", str(size), "-", "-", "slt,rms"]
    assert "some/llama" not in table


def test_a_repository_without_a_configuration_hides_no_other(
    online: Run, run: Run, small: Files
) -> None:
    cache = snapshot(online).parents[2]
    lora = cache / "models--a--lora"
    (lora / "snapshots/main").mkdir(parents=True)
    (lora / "refs").mkdir()
    (lora / "refs/main").write_text("main")
    done = run("mlxtts-models")
    assert (done.returncode, done.stderr) == (0, b"")
    names = [line.split("\t")[0] for line in done.stdout.decode().splitlines()]
    assert names[-1] == NAME


def test_a_few_models(run: Run, model_folder: Path) -> None:
    done = run("mlxtts-models", "--json", "orpheus-4bit", "./small", "./small/codec", "no/such")
    assert done.returncode == 1
    assert error_of(done) == (
        "mlxtts-models: model 'no/such': not in the cache: run mlxtts-fetch no/such"
    )
    named, model, codec = map(json.loads, done.stdout.splitlines())
    assert named["repository"] == "mlx-community/orpheus-3b-0.1-ft-4bit"
    assert (named["state"], named["size"], named["folder"]) == ("absent", None, None)
    assert (model["state"], model["kind"], model["voices"]) == ("local", "model", ["slt", "rms"])
    assert (codec["kind"], codec["folder"]) == ("codec", "small/codec")


@needs("script")
def test_a_terminal_sees_a_table(run: Run) -> None:
    shown = run("script", "-qec", "mlxtts-models starter snac", "/dev/null").stdout.decode()
    heading, starter, snac = shown.splitlines()
    assert heading.split() == ["NAME", "KIND", "STATE", "SIZE", "LICENCE", "LANGUAGES", "VOICES"]
    assert heading.index("STATE") == starter.index("embedded") == snac.index("absent")
    assert " MB " in starter


def test_a_stream_downloads_only_what_is_known(online: Run, hub: Hub, files: Files) -> None:
    codec = {name[6:]: data for name, data in files.items() if name.startswith("codec/")}
    for name in (CODEC, "some/codec"):
        hub.add(name, codec)
    head = '{{"mlxtts":1,"codec":"snac","codec_path":"{}","rate":24000}}'
    stream = (
        '\n{"id":"1","begin":{}}\n{"id":"1","codes":[0,0,0,0,0,0,0]}\n{"id":"1","end":"stop"}\n'
    )
    foreign, known = (f"{head.format(name)}{stream}".encode() for name in ("some/codec", CODEC))
    done = online("mlxtts-decode", stdin=foreign)
    assert (done.returncode, hub.requests) == (1, 0)
    assert error_of(done).endswith(": run mlxtts-fetch some/codec")
    assert online("mlxtts-decode", stdin=known).returncode == 0
    assert online("mlxtts-decode", "--codec", "some/codec", stdin=foreign).returncode == 0
    assert online("mlxtts-decode", stdin=foreign).returncode == 0
