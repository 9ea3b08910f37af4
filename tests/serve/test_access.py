"""The names that a server answers to; the token and origins are in tests/bin/test_ws.py."""

import socket
import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection

from mlxtts.errors import UsageError
from mlxtts.serve.access import Access, Names, read_token
from mlxtts.serve.server import Place

OWN = socket.gethostname()


def fits(names: Names, said: str | None, here: str = "127.0.0.1") -> bool:
    headers = [] if said is None else [(b"host", said.encode())]
    scope = {"type": "http", "headers": headers, "server": (here, 8765)}
    return names.refusal(HTTPConnection(scope)) is None


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "::1", "0.0.0.0", "::", "tts1", "10.0.0.7"]
)
def test_this_machine_is_always_meant_by_these(host: str) -> None:
    names = Names(host, [])
    for name in ("localhost", "LocalHost", "localhost.", "127.0.0.1", "[::1]"):
        assert fits(names, name)
        assert fits(names, f"{name}:1234")
    assert fits(names, None)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "0.0.0.0", "::", "tts1", "10.0.0.7"])
@pytest.mark.parametrize(
    "foreign",
    [
        "example.org",
        "example.org:8765",
        "localhost.example.org",
        "127.0.0.1.example.org",
        "10.0.0.7.example.org:80",
        "example.org:80@localhost",
        "localhost:80:80",
        "::1]:80:80",
        "",
        ":8765",
    ],
)
def test_names_of_others(host: str, foreign: str) -> None:
    assert not fits(Names(host, []), foreign)


def test_where_it_listens() -> None:
    for host, said in (("tts1", "TTS1:80"), ("10.0.0.7", "10.0.0.7:80"), ("fe80::1", "[FE80::1]")):
        assert fits(Names(host, []), said)
        assert not fits(Names("localhost", []), said)
    # a name that was looked up
    assert fits(Names("tts1", []), "10.0.0.7", here="10.0.0.7")
    assert not fits(Names("tts1", []), "10.0.0.8", here="10.0.0.7")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "0"])
def test_on_all_interfaces(host: str) -> None:
    names = Names(host, [])
    for name in ("192.168.1.5", "[fe80::1]", OWN, OWN.upper(), f"{OWN.partition('.')[0]}.local"):
        assert fits(names, f"{name}:8765")
        assert not fits(Names("127.0.0.1", []), name)


@pytest.mark.parametrize("host", ["localhost", "0.0.0.0"])
def test_names_that_are_allowed(host: str) -> None:
    names = Names(host, ["Speech.example.org", "tts:8765", "[2001:db8::1]"])
    for name in ("speech.example.org", "SPEECH.EXAMPLE.ORG:443", "tts", "[2001:DB8::1]:1"):
        assert fits(names, name)
    assert not fits(names, "example.org")


def test_when_nothing_is_asked() -> None:
    for access in (
        Access(token="x", host="localhost"),
        Access(host=None),
        Access(host="localhost", hosts=["*"]),
    ):
        assert access.everywhere() == []
    assert len(Access(host="localhost").everywhere()) == 1


@given(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n")))
def test_any_header(said: str) -> None:
    headers = [(b"host", said.encode("latin-1"))]
    connection = HTTPConnection({"type": "http", "headers": headers, "server": None})
    Names("0.0.0.0", []).refusal(connection)


@pytest.mark.parametrize("token", ["pässe", "a\tb", "a\x7f", "\ufeffsecret", "пароль"])
def test_a_token_that_no_header_can_hold(tmp_path: Path, token: str) -> None:
    (tmp_path / "token").write_text(f"{token}\n", encoding="utf-8")
    with pytest.raises(UsageError, match="printable ASCII"):
        read_token(str(tmp_path / "token"))


def test_a_socket_and_a_certificate_need_no_name() -> None:
    assert Place("tts1", 1).network == "tts1"
    assert Place("tts1", 1, unix="/tmp/x").network is None
    assert Place("tts1", 1, tls=ssl.create_default_context()).network is None
