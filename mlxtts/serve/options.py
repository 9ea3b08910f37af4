"""Options of mlxtts-ws that mean nothing for what it is to serve."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from mlxtts.errors import UsageError

PIPE = ("no_pace", "wait")
MODEL = (
    *("model", "revision", "offline", "voice", "lexicon", "no_preload"),
    *("max_streams", "queue", "max_text", "cache_bits"),
)


def check(given: Namespace, parser: ArgumentParser) -> None:
    """Raises UsageError for one of a pipe where there is a model, and the other way round."""
    reason = "not for a pipe, which has no model" if given.pipe else "only for a pipe: see -"
    for name in MODEL if given.pipe else PIPE:
        if getattr(given, name) != parser.get_default(name):
            raise UsageError(f"--{name.replace('_', '-')}: {reason}")
