"""Everything in order, on one GPU or two, within a given time: ``all``.

    text -> teacher (goes on in the background) -> codec, jointly
         -> encode (goes on) -> language model, and meanwhile the decoder -> choose -> export

With two GPUs a language model already learns the codes of the unfinished codec, and the final one
starts from it. Once the codes are fixed, the language model learns them while the decoder is still
being refined against discriminators: on the other GPU if there is one, else on the same. Every
step is a process of its own with its own log in WORK, so that one that fails does not take the rest
along; ``--resume`` skips what is complete.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from . import evaluate, listen, teacher, text
from .log import say

JOINT, EARLY = "codec-joint", "codec-early"  # the codec, and as it was when the early model began
CODEC = ["--flat", "0.5", "--revive", "0.5", "--hours", "80"]
REFINE = ["--stage", "decoder", "--lr", "3e-4", "--segment", "16384"]


def add_arguments(parser):
    """Options of ``all``; times are seconds."""
    option = parser.add_argument
    option("--devices", nargs="*", help="where to train: one or two (every GPU, or cpu)")
    option("--cores", type=int, default=os.cpu_count(), help="processor cores to use")
    option("--budget", type=float, default=3000, help="time for everything")
    option("--codes", type=float, default=0.53, help="share of it until the codes are fixed")
    option("--early-codes", type=float, default=0.27, help="share until an early model learns them")
    option("--closing", type=float, default=60, help="time to keep for choosing and export")
    option("--listen", type=int, default=50, help="held-out sentences by which decoders are chosen")
    option("--twice", type=int, default=0, help="shards with two views, for the codec")
    option("--first", type=float, default=15, help="hours of codes to start the model with")
    option("--early", type=float, default=3, help="the same for the early model")
    option("--number", type=int, default=220_000, help="lines of text")
    option("--emphasis", type=float, default=0.1, help="share of lines with *words*, if expressive")
    teacher.add_manner(parser)
    option("--tiny", action="store_true", help="toy sizes, to see that everything runs")


class Pipeline:
    """The steps as processes, on one clock."""

    def __init__(self, args):
        self.args, self.work, self.begin = args, Path(args.work), time.time()
        self.devices = (args.devices or self._gpus() or ["cpu"])[:2]
        self.tiny = TINY if args.tiny else {}
        say(f"all: {self.devices}, {args.cores} cores, {args.budget:.0f} s")

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

    def run(self):
        """From nothing to the exported voice."""
        args = self.args
        emphasis = args.emphasis if args.expressive else 0
        codec = self.codec()  # it gets ready while there is nothing to hear yet
        self.wait(self.start("text", "--number", args.number, "--emphasis", emphasis))
        cores = max(1, args.cores - 1 - len(self.devices))
        options = ["--cores", cores, *(["--twice", args.twice] if args.twice else [])]
        helpers = [self.start("teacher", *options, *teacher.manner(args), threads=1)]
        try:
            early = self.early(codec)
            self.wait(codec, *early[1:], must=False)
            for job in early:
                job.terminate()
            helpers.append(self.start("encode", "--codec", JOINT, "--watch", *self.on(-1)))
            self.speak()
        finally:
            for job in helpers:
                job.terminate()
        self.export()

    def on(self, place):
        """The option that puts a step on a GPU."""
        return ["--device", self.devices[place]]

    def until(self, share):
        """The option that ends a step when such a share of the budget is used."""
        return ["--until", f"{self.at(share):.0f}"]

    def at(self, share):
        """When such a share of the budget is used."""
        return self.begin + share * self.args.budget

    def codec(self):
        """The process that trains encoder, quantiser and decoder."""
        until = self.until(self.args.codes)
        return self.start("codec", "--name", JOINT, *self.on(0), *until, *CODEC)

    def early(self, codec):
        """On a second GPU: what makes codes of the unfinished codec and teaches a model."""
        if len(self.devices) < 2:
            return []
        with contextlib.suppress(subprocess.TimeoutExpired):
            codec.wait(max(0.0, self.at(self.args.early_codes) - time.time()))
        if not (self.work / JOINT).exists():
            return []
        if not (self.work / EARLY).exists():
            ignored = shutil.ignore_patterns("checkpoint*")
            shutil.copytree(self.work / JOINT, self.work / EARLY, ignore=ignored)
        where = ["--codes", "codes-early", *self.on(1)]
        wanted = ["--name", "lm-early", "--flat", "1", "--first", self.args.early]
        return [
            self.start("encode", "--codec", EARLY, "--watch", *where),
            self.start("lm", *wanted, *where, *self.until(self.args.codes)),
        ]

    def speak(self):
        """Train the language model and refine the decoder, both at once."""
        until = self.until(1 - self.args.closing / self.args.budget)
        early = (self.work / "lm-early" / "model.pt").exists()
        options = ["--first", self.args.first, *(["--start", "lm-early"] if early else [])]
        self.wait(
            self.start("lm", *options, *self.on(-1), *until),
            self.start("codec", "--name", "codec", "--start", JOINT, *REFINE, *self.on(0), *until),
            must=False,
        )

    def export(self):
        """Export with the refined decoder if it is heard better than the one it came from."""
        heard = self.hear([JOINT, "codec"])
        name = min(heard, key=heard.get)
        self.wait(self.start("export", "--codec", name, *teacher.manner(self.args)))
        chosen = json.dumps({"codec": name, "heard": heard})
        (self.work / "chosen.json").write_text(chosen + "\n", encoding="utf8")

    def hear(self, names):
        """{name: character error rate relative to the teacher's} of the codecs that are there."""
        there = [name for name in names if (self.work / name / "model.safetensors").exists()]
        if not there:
            raise RuntimeError("no codec came out; see codec.log")
        ear = CodecEar(self.args, self.devices[0])
        heard = ear.errors([self.work / name for name in there])
        say(f"all: heard {heard}")
        return dict(zip(there, heard, strict=True))

    def wait(self, *jobs, must=True):
        """Wait for processes; a failure ends everything only if it ``must`` not be."""
        codes = [job.wait() for job in jobs]
        if any(codes):
            say(f"all: a step failed: {codes}")
            if must:
                raise SystemExit(1)


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
        "--judge-batch",
        "1",
    ],
    "encode": ["--chunk", "64"],
    "lm": ["--steps", "3", "--tokens", "1500", "--kinds", "2", "--first", "0.05"],
}


class CodecEar:
    """Hears how codecs compare with the teacher on ``args.listen`` held-out lines in each voice:
    the last ones, as ``evaluate`` listens to the first.
    """

    def __init__(self, args, device):
        lines, cores = text.held_out()[-args.listen :], args.cores
        self.jobs = [(voice, line) for voice in args.voices for line in lines]
        self.cores, self.device = cores, device
        self.references = evaluate.teach_all(self.jobs, cores, args.expressive)
        self.base = self._rate(listen.hear_all(self.references, cores))
        say(f"all: the teacher's character error rate is {self.base:.3f}")

    def _rate(self, heard):
        return listen.error_rates([line for _, line in self.jobs], heard)[0]

    def errors(self, folders):
        """Character error rate relative to the teacher's, for each codec folder."""
        import torch

        from . import codec as codecs

        made = []
        for folder in folders:
            model = codecs.load(folder).to(self.device)
            for x in self.references:
                there = torch.from_numpy(x).to(self.device)[None, None]
                with torch.no_grad():
                    made.append(model(there)[0][0, 0].cpu().numpy())
        heard, count = listen.hear_all(made, self.cores), len(self.jobs)
        parts = [heard[k * count : (k + 1) * count] for k in range(len(folders))]
        return [self._rate(part) / max(self.base, 1e-3) for part in parts]


def run(args):
    """Run everything."""
    pipeline = Pipeline(args)
    pipeline.run()
    say(f"all: done in {time.time() - pipeline.begin:.0f} s")
