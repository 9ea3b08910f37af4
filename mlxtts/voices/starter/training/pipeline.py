"""Everything in order, on all GPUs there are, within a given time: ``all``.

    text -> teacher (goes on in the background) -> codec -> encode (goes on) -> language model
         -> export

Codec and language model are trained by a process on each GPU, together; all that uses a GPU gets
ready before there is anything to do. Every step has its own log in WORK, and ``--resume`` skips
what is complete.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from . import teacher, text
from .log import say

GPU_SECONDS = 3000  # for everything, as long as nothing else is asked for
GOING_ON = ["--lr", "3e-4", "--turn", "3e-3", "--flat", "0.4", "--settle", "1000"]
"""How a codec is trained that can speak already; its heads are new."""


def add_arguments(parser):
    """Options of ``all``; times are seconds."""
    option = parser.add_argument
    option("--devices", nargs="*", help="where to train (every GPU, or cpu)")
    option("--cores", type=int, default=os.cpu_count(), help="processor cores to use")
    option("--budget", type=float, default=0, help="for everything; 50 minutes of one GPU")
    option("--codes", type=float, default=0.6, help="share of it until the codes are fixed")
    option("--closing", type=float, default=20, help="time to keep for export")
    option("--twice", type=int, default=0, help="shards with two views, for the codec")
    option("--first", type=float, default=15, help="hours of codes to start the model with")
    option("--number", type=int, default=text.NUMBER, help="lines of text")
    option("--emphasis", type=float, default=0.1, help="share of lines with *words*, if expressive")
    teacher.add_manner(parser)
    option("--start", default="", help="a folder to start from: a voice, or a codec alone")
    option("--tiny", action="store_true", help="toy sizes, to see that everything runs")


class Pipeline:
    """The steps as processes, on one clock."""

    def __init__(self, args):
        self.args, self.work, self.begin = args, Path(args.work), time.time()
        self.devices = args.devices or self._gpus() or ["cpu"]
        self.budget = args.budget or GPU_SECONDS / len(self.devices)
        self.tiny = TINY if args.tiny else {}
        self.helpers = []  # what goes on in the background
        say(f"all: {self.devices}, {args.cores} cores, {self.budget:.0f} s")

    @staticmethod
    def _gpus():
        import torch

        return [f"cuda:{k}" for k in range(torch.cuda.device_count())]

    def start(self, step, *options, threads=2):
        """Start a step as a process."""
        command = [
            sys.executable,
            "-m",
            __package__,
            step,
            "--work",
            str(self.work),
            "--resume",
            *map(str, options),
        ]
        command += self.tiny.get(step, [])
        environment = dict(os.environ, OMP_NUM_THREADS=str(1 if self.tiny else threads))
        say("all: " + " ".join(command[2:]))
        return subprocess.Popen(command, env=environment)

    def together(self, step, *options):
        """Start a step as a process on each device, all of which train one model."""
        meet = self.work / f"{step}.meet"
        meet.unlink(missing_ok=True)
        return [
            self.start(step, *options, "--device", device, "--rank", rank, "--meet", meet)
            for device, rank in self.ranked()
        ]

    def ranked(self):
        """Each device with K/N."""
        return [(device, f"{k}/{len(self.devices)}") for k, device in enumerate(self.devices)]

    def run(self):
        """From nothing to the exported voice."""
        args = self.args
        emphasis = args.emphasis if args.expressive else 0
        cores = max(1, args.cores - 1 - len(self.devices))
        options = ["--cores", cores, *(["--twice", args.twice] if args.twice else [])]
        start = {"codec": [], "lm": []}
        if args.start:
            voice = Path(args.start).resolve()
            start["codec"] = ["--start", voice / "codec", *GOING_ON]
            if (voice / "model.safetensors").exists():
                start["lm"] = ["--start", voice]
        made = self.work / "codec.made"
        made.unlink(missing_ok=True)
        codec = self.together("codec", *start["codec"], *self.until(args.codes))  # gets ready
        self.helpers += codec
        try:
            self.wait(self.start("text", "--number", args.number, "--emphasis", emphasis))
            self.helpers.append(self.start("teacher", *options, *teacher.manner(args), threads=1))
            until = self.until(1 - args.closing / self.budget)
            lm = self.together("lm", "--first", args.first, *start["lm"], *until)  # gets ready
            self.helpers += lm
            self.helpers += [
                self.start("encode", "--watch", "--after", made, "--device", device, "--part", part)
                for device, part in self.ranked()
            ]
            self.wait(*codec)
            made.touch()
            self.wait(*lm)
        finally:
            for job in self.helpers:
                job.terminate()
            self.helpers.clear()
        self.wait(self.start("export", *teacher.manner(args)))

    def until(self, share):
        """The option that ends a step when such a share of the budget is used."""
        return ["--until", f"{self.begin + share * self.budget:.0f}"]

    def wait(self, *jobs):
        """Wait for processes; one that fails, here or in the background, ends everything."""
        left = [*jobs]
        while left:
            if any(job.poll() for job in (*left, *self.helpers)):
                say("all: a step failed")
                for job in left:
                    job.kill()
                raise SystemExit(1)
            left = [job for job in left if job.poll() is None]
            time.sleep(0.2)


TINY = {
    "text": ["--number", "300"],
    "teacher": ["--shard", "20", "--twice", "2"],
    "codec": [
        "--steps",
        "2",
        "--hours",
        "0.05",
        "--first",
        "10",
        "--batch",
        "1",
        "--segment",
        "8192",
    ],
    "encode": ["--chunk", "64"],
    "lm": ["--steps", "3", "--tokens", "1500", "--kinds", "2", "--first", "0.05"],
}


def run(args):
    """Run everything."""
    pipeline = Pipeline(args)
    pipeline.run()
    say(f"all: done in {time.time() - pipeline.begin:.0f} s")
