"""Everything in order, on one GPU or two, within a given time: ``all``.

    text -> teacher (goes on in the background) -> codec, jointly -> choose -> finish it
         -> encode (goes on) -> language model, and meanwhile the decoder -> choose -> export

The codec is finished at a falling learning rate. With two GPUs two variants of it are trained at
once and the one that is heard better goes on; and while it is being finished, a language model
already learns the codes of the unfinished one, from which the final one starts. Once the codes are
fixed, the language model learns them while the decoder is still being refined against
discriminators: on the other GPU if there is one, else on the same. Every step is a process of its
own with its own log in WORK, so that one that fails does not take the rest along; ``--resume``
skips what is complete.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from . import evaluate, listen, teacher, text
from .log import say

VARIANTS = {  # name: options of the codec step; one for each GPU, the first on one GPU
    "codec-a": ["--flat", "1"],
    "codec-b": ["--flat", "1", "--spectrum", "0", "--agree", "0"],
}
JOINT = "codec-joint"  # the finished codec
FINISH = ["--lr", "3e-4", "--flat", "0.25", "--settle", "500", "--revive", "0", "--first", "120"]
FINISH += ["--hours", "80"]
REFINE = ["--stage", "decoder", "--lr", "3e-4", "--segment", "16384"]
PREFERENCE = 0.03  # by so much must another variant's relative error rate be lower than the first's


def add_arguments(parser):
    """Options of ``all``; times are seconds."""
    option = parser.add_argument
    option("--devices", nargs="*", help="where to train: one or two (every GPU, or cpu)")
    option("--cores", type=int, default=os.cpu_count(), help="processor cores to use")
    option("--budget", type=float, default=3000, help="time for everything")
    option("--joint", type=float, default=600, help="time for encoder, quantiser and decoder")
    option("--finish", type=float, default=800, help="time for them at a falling learning rate")
    option("--closing", type=float, default=60, help="time to keep for choosing and export")
    option("--listen", type=int, default=50, help="held-out sentences by which codecs are chosen")
    option("--codec", default="", help="folder in WORK of a codec to finish, instead of --joint")
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
        self.tiny, self.ear = TINY if args.tiny else {}, None
        say(f"all: {self.devices}, {args.cores} cores, {args.budget:.0f} s")

    @staticmethod
    def _gpus():
        import torch

        return [f"cuda:{k}" for k in range(torch.cuda.device_count())]

    def left(self):
        """Seconds of the budget that are left."""
        return self.begin + self.args.budget - time.time()

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
        self.wait(self.start("text", "--number", args.number, "--emphasis", emphasis))
        cores = max(1, args.cores - 1 - len(self.devices))
        options = ["--cores", cores, *(["--twice", args.twice] if args.twice else [])]
        helpers = [self.start("teacher", *options, *teacher.manner(args), threads=1)]
        try:
            codec = self.finish(args.codec or self.joint())
            helpers.append(self.start("encode", "--codec", codec, "--watch", *self.on(-1)))
            self.speak(codec)
        finally:
            for job in helpers:
                job.terminate()
        self.export(codec)

    def on(self, place):
        """The option that puts a step on a GPU."""
        return ["--device", self.devices[place]]

    def until(self, seconds):
        """The option that ends a step so many seconds from now."""
        return ["--until", f"{time.time() + seconds:.0f}"]

    def joint(self):
        """Train a variant on each GPU; returns the one that is heard best."""
        names = list(VARIANTS)[: len(self.devices)]
        until = self.until(self.begin + self.args.joint - time.time())
        jobs = [
            self.start("codec", "--name", name, *self.on(place), *until, *VARIANTS[name])
            for place, name in enumerate(names)
        ]
        self.wait(*jobs, must=False)
        heard = self.hear(names)
        return min(heard, key=lambda name: heard[name] + PREFERENCE * (name != names[0]))

    def finish(self, codec):
        """Lower the learning rate, and on a second GPU teach a model the codes meanwhile; returns
        the name of the finished codec, which is ``codec`` if that failed.
        """
        until = self.until(self.args.finish)
        jobs = [
            self.start("codec", "--name", JOINT, "--start", codec, *self.on(0), *until, *FINISH)
        ]
        if len(self.devices) > 1:
            early = ["--codes", "codes-early", *self.on(1)]
            helper = self.start("encode", "--codec", codec, "--watch", *early)
            wanted = ["--name", "lm-early", "--flat", "1", "--first", self.args.early]
            jobs.append(self.start("lm", *wanted, *early, *until))
        self.wait(*jobs, must=False)
        if len(self.devices) > 1:
            helper.terminate()
        return JOINT if (self.work / JOINT / "model.safetensors").exists() else codec

    def speak(self, codec):
        """Train the language model and refine the decoder, both at once."""
        until = self.until(self.left() - self.args.closing)
        early = (self.work / "lm-early" / "model.pt").exists()
        options = ["--first", self.args.first, *(["--start", "lm-early"] if early else [])]
        self.wait(
            self.start("lm", *options, *self.on(-1), *until),
            self.start("codec", "--name", "codec", "--start", codec, *REFINE, *self.on(0), *until),
            must=False,
        )

    def export(self, codec):
        """Export with the refined decoder if it is heard better than the one it came from."""
        heard = self.hear([codec, "codec"])
        name = "codec" if heard.get("codec", 99) < heard[codec] else codec
        self.wait(self.start("export", "--codec", name, *teacher.manner(self.args)))
        chosen = json.dumps({"codec": name, "heard": heard})
        (self.work / "chosen.json").write_text(chosen + "\n", encoding="utf8")

    def hear(self, names):
        """{name: character error rate relative to the teacher's} of the codecs that are there."""
        there = [name for name in names if (self.work / name / "model.safetensors").exists()]
        if not there:
            raise RuntimeError("no codec came out; see codec.log")
        self.ear = self.ear or CodecEar(self.args, self.devices[0])
        heard = self.ear.errors([self.work / name for name in there])
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
