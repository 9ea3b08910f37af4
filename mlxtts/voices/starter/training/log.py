"""One line of progress at a time, on stderr and in WORK/log.txt, each with the seconds since the
start.
"""

import sys
import time

_start = time.time()
_file = None


def to(path):
    """Also append what is said to the file ``path`` (a Path)."""
    global _file
    _file = path.open("a", buffering=1, encoding="utf8")


def say(*words):
    """Print a line of progress."""
    line = f"[{time.time() - _start:6.1f}s] " + " ".join(str(word) for word in words)
    print(line, file=sys.stderr, flush=True)
    if _file:
        _file.write(line + "\n")
