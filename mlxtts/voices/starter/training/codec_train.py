"""Train the codec.

Writes WORK/NAME/checkpoint.pt (to go on from), and WORK/NAME/model.safetensors with config.json
(the running average of the weights, folded: a codec that can be listened to at any time). NAME is
``codec`` unless ``--name`` says otherwise. Several processes may train it together (ranks.py). On a
GPU a step is two CUDA graphs: its gradients, and what is done with them.
"""

import argparse
import math
import time
from contextlib import contextmanager
from pathlib import Path

import torch

from . import careful, ranks
from . import codec as codecs
from .codec_step import STATS, Step
from .log import say
from .speech import Speech

RUNNING = 0.02  # weight of a step in Step.stats


def add_arguments(parser):
    """Options of the ``codec`` step."""
    option = parser.add_argument
    option("--name", default="codec", help="folder in WORK to write")
    option("--start", default="", help="a codec to start from: a folder in WORK, or a voice's")
    option("--device", default="cuda:0" if torch.cuda.is_available() else "cpu")
    option("--seconds", type=float, default=600, help="how long to train, warm-up not counted")
    option("--until", type=float, default=0, help="or: be done by this time (seconds since 1970)")
    option("--steps", type=int, default=0, help="or: how many steps")
    option("--hours", type=float, default=80, help="room for so much audio on the device")
    option("--first", type=float, default=300, help="seconds of audio to wait for")
    option("--batch", type=int, default=16, help="stretches a step, of all processes together")
    option("--segment", type=int, default=24576, help="samples of a stretch")
    option("--lr", type=float, default=4e-4)
    option("--books", type=float, default=8.0, help="factor of it for the codes")
    option("--turn", type=float, default=0.02, help="learning rate of weights' directions")
    option("--flat", type=float, default=0.5, help="share of the time before the rate falls")
    option("--mel", type=float, default=12.0, help="weight of the spectra")
    option("--commit", type=float, default=2.5, help="weight of latents' distance to codes")
    option("--fine", type=float, default=1.0, help="its factor on the finest level")
    option("--phones", type=float, default=1.0, help="weight of the phones")
    option("--spectrum", type=float, default=5.0, help="weight of the spectrum told from the codes")
    option("--agree", type=float, default=3.0, help="weight of readings having the same codes")
    option("--settle", type=int, default=0, help="steps until fresh heads pull in full")
    option("--clip", type=float, default=300.0, help="largest gradient norm")
    option("--average", type=float, default=0.999, help="memory of the running average")
    option("--revive", type=float, default=0.5, help="share of the time with unused codes revived")
    option("--save-every", type=float, default=60, help="seconds between checkpoints")
    option("--no-graph", action="store_true", help="no CUDA graph")
    ranks.add_arguments(option)
    parser.set_defaults(config=None)


class Trainer:
    """The loop around Step: schedule, running average, guard, checkpoints."""

    def __init__(self, args):
        self.args, self.folder = args, Path(args.work) / args.name
        device = torch.device(args.device)
        if device.type == "cuda":
            torch.cuda.set_device(device)
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
            torch.backends.cudnn.benchmark = True
            torch.backends.cudnn.benchmark_limit = 4
        self.ranks = ranks.Ranks(args, device)
        torch.manual_seed(0)
        self.speech = Speech(args.work, device, args.hours)
        self.step = Step(self.speech, args, max(1, args.batch // self.ranks.count))
        if args.start:
            self._start_from(Path(args.work) / args.start)
        self.step.straighten()
        self.average = [p.detach().clone() for p in self.step.parameters]
        self.good = [p.clone() for p in self.average]
        self.best, self.caution, self.count, self.done = math.inf, 1.0, 0, 0.0
        if args.resume and (self.folder / "checkpoint.pt").exists():
            self._resume()
        torch.manual_seed(self.ranks.place)  # each draws its own stretches of speech
        sizes = [
            sum(p.numel() for p in m.parameters()) / 1e6
            for m in (self.step.model, self.step.model.decoder)
        ]
        say(
            f"codec: {sizes[0]:.2f} M parameters, decoder {sizes[1]:.2f} M, {args.rank} on {device}"
        )

    # what is kept

    def save(self):
        """Write the checkpoint, and the averaged codec in its final layout."""
        step, args = self.step, self.args
        self.folder.mkdir(parents=True, exist_ok=True)
        kept = {
            "count": self.count,
            "done": self.done,
            "model": step.model.state_dict(),
            "parameters": [p.detach() for p in step.parameters],
            "average": self.average,
            "use": step.use,
            "stats": step.stats,
            "optimiser": step.optimiser.state_dict(),
        }
        temporary = self.folder / "checkpoint.tmp"
        torch.save(kept, temporary)
        temporary.replace(self.folder / "checkpoint.pt")
        with self.averaged():
            codecs.save(codecs.folded_state(step.model), args.config or codecs.CONFIG, self.folder)

    def _resume(self):
        kept = torch.load(
            self.folder / "checkpoint.pt", map_location=self.step.device, weights_only=True
        )
        self.step.model.load_state_dict(kept["model"])
        self._fill(self.step.parameters, kept["parameters"])
        self._fill(self.average, kept["average"])
        self._fill(self.good, kept["average"])
        self.step.optimiser.load_state_dict(kept["optimiser"])
        self.step.use.copy_(kept["use"])
        self.step.stats.copy_(kept["stats"])
        self.count, self.done = kept["count"], kept["done"]
        say(f"codec: going on from step {self.count}, {self.done:.0%} done")

    def _start_from(self, folder):
        """Take the averaged weights of a checkpoint, or those of an exported codec."""
        self.step.use.fill_(10.0)  # all are in use, until it shows that they are not
        if not (folder / "checkpoint.pt").exists():
            return codecs.restore(self.step.model, folder)
        path = folder / "checkpoint.pt"
        kept = torch.load(path, map_location=self.step.device, weights_only=True)
        self.step.model.load_state_dict(kept["model"])
        return self._fill(self.step.parameters, kept["average"])

    @staticmethod
    @torch.no_grad()
    def _fill(parameters, values):
        for p, value in zip(parameters, values, strict=False):
            p.copy_(value)

    @contextmanager
    def averaged(self):
        """A context in which the model has its averaged weights."""
        kept = [p.detach().clone() for p in self.step.parameters]
        self._fill(self.step.parameters, self.average)
        yield
        self._fill(self.step.parameters, kept)

    # the loop

    def run(self):
        """Train until the time or the steps are used up."""
        args = self.args
        self._warm_up()
        self.speech.wait(args.first)
        begin = time.time()
        total = max(1.0, args.until - begin) if args.until else args.seconds
        spent, saved, told, filled = self.done * total, begin, begin, begin
        while True:
            now = time.time()
            if args.steps:
                self.done = self.count / args.steps
            elif self.count % 20 == 0:
                self.done = self.ranks.told((now - begin + spent) / total)
            if self.done >= 1:
                break
            if self.count % 20 == 0:
                self.step.optimiser.set_rate(self._rate() * self.caution)
                self.step.pull.fill_(min(1.0, self.count / max(1, self.args.settle)))
            self._tick()
            self.count += 1
            memory = min(args.average, (self.count + 1) / (self.count + 10))
            with torch.no_grad():
                torch._foreach_lerp_(self.average, list(self.step.parameters), 1 - memory)
            if self.count % 100 == 50 and self.done < args.revive:
                self.step.revive(self.average)
                self.ranks.same(self.step.use, *self.step.books(self.average))
            if self.count % 20 == 0:
                self.ranks.same(self.step.stats)
                self._guard()
            if now - told > 15:
                self._report()
                told = now
            if now - saved > args.save_every and self.ranks.first:
                self.save()
                saved = time.time()
            if now - filled > 20:
                self.speech.refill()
                filled = time.time()
        self._report()
        if self.ranks.first:
            self.save()
        self.ranks.part()

    def _rate(self):
        """Learning rate factor: warm-up, flat, half a cosine down to 2 %."""
        warm = min(1.0, (self.count + 1) / 200)
        fall = max(0.0, (self.done - self.args.flat) / max(1e-9, 1 - self.args.flat))
        return warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * fall)))

    def _warm_up(self):
        """Capture the step while there may be no speech yet: on silence, at learning rate 0."""
        kept = self.step.stats.clone(), self.step.use.clone()
        self.find, self.update = self.step.find, self.step.update
        if self.step.cuda and not self.args.no_graph:
            self.find = careful.captured(self.step.find, 4).replay
            self.update = careful.captured(self.step.update, 4).replay
            say(f"codec: captured, {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")
        self.step.stats.copy_(kept[0])
        self.step.use.copy_(kept[1])

    def _tick(self):
        self.find()
        self.ranks.mean(self.step.gradients)
        self.update()

    @torch.no_grad()
    def _guard(self):
        """Go back to the last good average, more carefully, when the spectra have run away."""
        mel = self.stat("mel")
        if self.count >= 60 and not mel < 1.5 * self.best:
            self._fill(self.step.parameters, self.good)
            self._fill(self.average, self.good)
            self.step.optimiser.forget()
            self.caution *= 0.5
            self.step.stats[0] = self.best * self._seen()
            say(
                f"codec: step {self.count}: mel {mel:.2f} after {self.best:.2f}; "
                f"back, step size x {self.caution}"
            )
        elif mel < 1.1 * self.best:
            self.best = min(self.best, mel)
            if self.count % 200 == 0:
                self._fill(self.good, self.average)

    def _seen(self):
        return 1 - (1 - RUNNING) ** max(1, self.count)

    def stat(self, name):
        """Running mean of one of STATS."""
        return float(self.step.stats[STATS.index(name)]) / self._seen()

    def _report(self):
        values = " ".join(f"{name} {self.stat(name):.3f}" for name in STATS if self.stat(name))
        if self.ranks.first:
            say(
                f"codec: step {self.count} {self.done:.0%} {values} "
                f"codes {self.step.perplexity()} speech {self.speech.hours:.1f} h"
            )


def run(args):
    """Train the codec."""
    trainer = Trainer(args)
    if trainer.done < 1:
        trainer.run()
    say(f"codec: {trainer.count} steps, mel {trainer.stat('mel'):.3f}, in {trainer.folder}")


def defaults(**changes):
    """The options of this step with some changed, for callers from Python."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return argparse.Namespace(**(vars(parser.parse_args([])) | {"resume": False} | changes))
