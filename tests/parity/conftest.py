"""These tests need `pip install -e '.[parity]'`; README's test command leaves them out."""

import importlib.util

missing = [
    name
    for name in ("torch", "transformers", "snac", "kokoro")
    if importlib.util.find_spec(name) is None
]
if missing:
    collect_ignore_glob = ["test_*.py"]


def pytest_report_header() -> str | None:
    return f"tests/parity left out: needs {', '.join(missing)}" if missing else None
