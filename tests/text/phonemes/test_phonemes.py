"""Which language is loaded, and what if it is not there."""

import subprocess
import sys

import pytest

from mlxtts.errors import UsageError
from mlxtts.text import phonemes


def test_unknown_languages() -> None:
    with pytest.raises(UsageError) as caught:
        phonemes.load("q")
    assert str(caught.value) == (
        "language 'q': unknown; the languages are a (en-us), b (en-gb), e (es), f (fr-fr), "
        "h (hi), i (it), p (pt-br), j (ja), z (zh)"
    )


@pytest.mark.parametrize(
    ("language", "extra", "module"),
    [
        *(("a", "en", "spacy"), ("en-GB", "en", "misaki"), ("pt_BR", "espeak", "misaki.espeak")),
        *(("ja", "ja", "jaconv"), ("zh", "zh", "jieba"), ("ES", "espeak", "misaki")),
    ],
)
def test_what_is_not_installed(
    language: str, extra: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [
        name for name in sys.modules if name.startswith(("mlxtts.text.phonemes.", module))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match=rf"is not installed: pip install 'mlxtts\[{extra}\]'"):
        phonemes.load(language)


def test_importing_costs_nothing() -> None:
    code = (
        "import sys; from mlxtts.text import phonemes; "
        "print(*{'misaki', 'spacy', 'numpy', 'mlx'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("\n", "")
