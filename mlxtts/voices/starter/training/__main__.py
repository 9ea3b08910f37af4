"""``python -m mlxtts.voices.starter.training STEP --work DIR [options]``: run one step, or ``all``
of them.
"""

import argparse
import importlib
import sys
from pathlib import Path

from . import log

STEPS = {
    "text": "make the text",
    "teacher": "let flite read it",
    "codec": "train the codec",
    "encode": "turn the teacher's audio into codes",
    "lm": "train the language model",
    "export": "write the voice in the layout that mlxtts loads",
    "evaluate": "measure a voice and print the table",
    "all": "everything, on one GPU or two",
}


def parser(step=None):
    """The command line; a step's own module is imported only when that step is asked for."""
    top = argparse.ArgumentParser(
        prog="python -m mlxtts.voices.starter.training", description=__doc__
    )
    commands = top.add_subparsers(dest="step", required=True, metavar="STEP")
    for name, about in STEPS.items():
        command = commands.add_parser(name, help=about, description=about)
        command.add_argument("--work", required=True, help="folder of everything that is made")
        command.add_argument("--resume", action="store_true", help="go on from what is there")
        if name == step:
            module(name).add_arguments(command)
    return top


def module(step):
    """The module of a step."""
    name = {"all": "pipeline", "lm": "lm_train", "codec": "codec_train"}.get(step, step)
    return importlib.import_module(f"{__package__}.{name}")


def main(argv=None):
    """Run one step."""
    argv = sys.argv[1:] if argv is None else argv
    step = argv[0] if argv and argv[0] in STEPS else None
    args = parser(step).parse_args(argv)
    work = Path(args.work)
    work.mkdir(parents=True, exist_ok=True)
    log.to(work / f"{args.step}.log")
    return module(args.step).run(args)


if __name__ == "__main__":
    sys.exit(main())
