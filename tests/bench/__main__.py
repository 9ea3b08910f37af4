"""python -m tests.bench [NAME ...]: run benchmarks and print their tables."""

import importlib
import pkgutil
import sys

from tests import bench
from tests.bench.common import machine

NAMES = [
    module.name
    for module in pkgutil.iter_modules(bench.__path__)
    if module.name not in ("common", "models", "__main__")
]

if __name__ == "__main__":
    names = sys.argv[1:] or NAMES
    if unknown := set(names) - set(NAMES):
        sys.exit(f"no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}")
    print(machine())
    for name in names:
        module = importlib.import_module(f"tests.bench.{name}")
        print(f"\n## {name}: {(module.__doc__ or '').splitlines()[0]}\n", flush=True)
        module.main()
