"""Train the language model on the codes: AdamW and Muon, a running average of the weights, a CUDA
graph for each batch shape and one for what is done with the gradients.

Writes WORK/NAME/checkpoint.pt (to go on from) and WORK/NAME/model.pt (the average, Hugging Face's
names without ``model.``). It gets ready as soon as there is speech, and waits for codes; more may
come in while it trains, and several processes may train it together (ranks.py).
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from . import careful, lm, ranks
from .codec import LEVEL_OF_SLOT
from .lm_data import PATIENCE, ROOM, Sequences
from .log import say

NO_PLANS = [SDPBackend.FLASH_ATTENTION, SDPBackend.MATH]
"""Attention that needs no plan for each new shape, as cuDNN's does."""


def add_arguments(parser):
    """Options of the ``lm`` step."""
    option = parser.add_argument
    option("--device", default="cuda:0" if torch.cuda.is_available() else "cpu")
    option("--name", default="lm", help="folder in WORK to write")
    option("--codes", default="codes", help="folder in WORK of the codes")
    option("--start", default="", help="a model to start from: a folder in WORK, or a voice's")
    option("--flat", type=float, default=0.0, help="share of the time before the rate falls")
    option("--seconds", type=float, default=840, help="how long to train")
    option("--until", type=float, default=0, help="or: be done by this time (seconds since 1970)")
    option("--steps", type=int, default=0, help="or: how many steps")
    option("--tokens", type=int, default=32768, help="tokens of a batch")
    option("--kinds", type=int, default=10, help="batch shapes")
    option("--lr", type=float, default=2e-3)
    option("--turn", type=float, default=0.01, help="learning rate of matrices")
    option("--decay", type=float, default=0.02, help="weight decay of the matrices")
    option("--corrupt", type=float, default=0.06, help="share of the input codes that are replaced")
    option(
        "--weights",
        type=float,
        nargs=3,
        default=[1.0, 1.7, 0.65],
        help="of the losses of coarse, middle and fine codes; the end counts as coarse",
    )
    option("--average", type=float, default=0.999, help="memory of the running average")
    option("--save-every", type=float, default=60, help="seconds between checkpoints")
    option(
        "--first", type=float, default=0.0, help="hours of speech, and of its codes, to wait for"
    )
    option("--room", type=int, default=ROOM, help="room for so many sequences on the device")
    option("--no-graph", action="store_true", help="no CUDA graphs")
    ranks.add_arguments(option)
    parser.set_defaults(config=None)


class Trainer:
    """Model, data, optimiser and loop."""

    def __init__(self, args):
        self.args, self.folder = args, Path(args.work) / args.name
        device = self.device = torch.device(args.device)
        self.cuda = device.type == "cuda"
        if self.cuda:
            torch.cuda.set_device(device)
            torch.backends.cuda.matmul.allow_tf32 = True
        self.ranks = ranks.Ranks(args, device)
        torch.manual_seed(0)
        self.data = Sequences(args.work, args.codes, device, args.room)
        self.data.wait(args.first, self._latest(), ahead=True)
        self.shapes, self.edges = self.data.widths(args.kinds)
        self.sizes = [max(1, args.tokens // width) for width, _ in self.shapes]
        worth = [args.weights[level] for level in (*LEVEL_OF_SLOT, 0)]
        self.worth = torch.tensor(worth, device=device)  # of a loss by slot, the end last
        self.rows = [torch.zeros(size, dtype=torch.long, device=device) for size in self.sizes]
        self.model = self._model().to(device)
        self.parameters = list(self.model.parameters())
        table = [self.model.embed_tokens.weight]
        vectors = [p for p in self.parameters if p.ndim < 2]
        matrices = [p for p in self.parameters if p.ndim > 1 and p is not table[0]]
        adam = [
            {"params": table, "lr": args.lr, "weight_decay": args.decay},
            {"params": vectors, "lr": args.lr},
        ]
        turned = [{"params": matrices, "lr": args.turn, "weight_decay": args.decay}]
        self.optimiser = careful.Optimiser(device, adam, turned, betas=(0.9, 0.98))
        self.average = [p.detach().clone() for p in self.parameters]
        self.loss = torch.zeros((), device=device)  # running mean, weighted nats a token
        self.gradients = careful.side_by_side(self.parameters)
        self.graphs, self.pool, self.update = {}, None, self._update
        self.count, self.done, self.epoch = 0, 0.0, 0
        if args.resume and (self.folder / "checkpoint.pt").exists():
            self._resume()
        torch.manual_seed(self.ranks.place)  # each replaces other codes
        size = sum(p.numel() for p in self.parameters) / 1e6
        shapes = list(zip(self.sizes, self.shapes, strict=True))
        say(f"lm: {size:.2f} M parameters, shapes {shapes}")

    def _model(self):
        if not self.args.start:
            return lm.Llama(self.args.config)
        weights = lm.read(Path(self.args.work) / self.args.start)
        model = lm.Llama(lm.config_of(weights, self.args.config or lm.CONFIG))
        model.load_state_dict(weights)
        return model

    def _latest(self):
        """By when there must be speech, and codes."""
        return self.args.until or time.time() + PATIENCE

    def find(self, kind):
        """The gradients of the rows in self.rows[kind]; can be captured."""
        width, count = self.shapes[kind]
        batch = self.data.gather(self.rows[kind], width, count, self.args.corrupt)
        loss, total = self._losses(batch)
        loss = loss @ self.worth / total
        careful.fill(self.gradients, loss, self.parameters)
        with torch.no_grad():
            self.loss.lerp_(loss.detach().nan_to_num(99.0), 0.02)

    def _update(self):
        """A step along the gradients; can be captured."""
        self.optimiser.step(1.0)

    def _losses(self, batch):
        """Sums of the losses by slot, the end as an eighth (8,), and the number of targets."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.cuda):
            losses = self.model.slot_losses(batch.tokens, batch.begin, batch.frames, batch.codes)
        turn = torch.arange(losses.shape[2], device=self.device)
        end = torch.where(turn == batch.frames[:, None], losses[0], 0.0).sum()
        sums = losses.sum((1, 2))
        sums = torch.cat(((sums[0] - end)[None], sums[1:], end[None]))
        return sums, (lm.SLOTS * batch.frames + 1).sum()

    def _warm_up(self):
        """Capture steps of all kinds, at learning rate 0."""
        self.optimiser.set_rate(0.0)
        for kind in range(len(self.sizes)):
            graph = careful.captured(lambda kind=kind: self.find(kind), 2, self.pool)
            self.pool = self.pool or graph.pool()
            self.graphs[kind] = graph
        self.update = careful.captured(self._update, 2).replay

    def _tick(self, kind, rows):
        self.rows[kind].copy_(rows)
        if kind in self.graphs:
            self.graphs[kind].replay()
        else:
            self.find(kind)
        self.ranks.mean(self.gradients)
        self.update()

    def run(self):
        """Train until the time or the steps are used up."""
        args = self.args
        rng = np.random.default_rng((self.epoch, self.ranks.place))
        if self.cuda and not args.no_graph:
            self._warm_up()
        self.data.wait(args.first, self._latest())
        say(
            f"lm: {len(self.data.frames)} sequences, {self.data.hours:.1f} h, "
            f"{self.data.length.sum() / 1e6:.1f} M tokens"
        )
        begin = time.time()
        total = max(1.0, args.until - begin) if args.until else args.seconds
        spent, told, saved, tokens, since = self.done * total, begin, begin, 0, begin
        while self.done < 1:
            self.data.refill()
            plan = self.data.plan(rng, self.shapes, self.edges, self.sizes)
            if not plan:
                raise ValueError("too few sequences for a batch; lower --tokens or --kinds")
            for kind, rows in plan:
                now = time.time()
                if args.steps:
                    self.done = self.count / args.steps
                elif self.count % 20 == 0:
                    self.done = self.ranks.told((now - begin + spent) / total)
                if self.done >= 1:
                    break
                if self.count % 10 == 0:
                    self.optimiser.set_rate(self._factor())
                self._tick(kind, torch.from_numpy(rows).to(self.device, non_blocking=True))
                self.count += 1
                tokens += self.sizes[kind] * self.shapes[kind][0]
                with torch.no_grad():
                    memory = min(args.average, (self.count + 1) / (self.count + 10))
                    torch._foreach_lerp_(self.average, self.parameters, 1 - memory)
                if self.count % 32 == 0 and self.cuda:
                    torch.cuda.synchronize()  # keep the clock honest
                if now - told > 15 and self.ranks.first:
                    speed = tokens / (now - since) / 1e6
                    say(
                        f"lm: step {self.count} {self.done:.0%} epoch {self.epoch} "
                        f"loss {self._mean():.3f} {speed:.2f} M tokens/s, "
                        f"{self.data.hours:.0f} h"
                    )
                    told, tokens, since = now, 0, now
                if now - saved > args.save_every and self.ranks.first:
                    self.save()
                    saved = time.time()
            self.epoch += self.done < 1
        if self.ranks.first:
            self.save()
        self.ranks.part()

    def _factor(self):
        """Learning rate: warm-up, then half a cosine down to 1 %."""
        warm = min(1.0, (self.count + 1) / 300)
        fall = max(0.0, (min(1.0, self.done) - self.args.flat) / max(1e-9, 1 - self.args.flat))
        return warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * fall)))

    def _mean(self):
        return float(self.loss) / (1 - 0.98 ** max(1, self.count))

    @torch.no_grad()
    def validate(self):
        """Loss of the averaged weights on the sequences held back: (mean, [by slot, the end last]),
        nats a token.
        """
        kept = [p.detach().clone() for p in self.parameters]
        self._fill(self.parameters, self.average)
        rows = torch.arange(self.data.held, device=self.device)
        sums, targets = (
            torch.zeros(lm.SLOTS + 1, device=self.device),
            torch.zeros(lm.SLOTS + 1, device=self.device),
        )
        for part in rows.split(16):
            width = int(self.data.length[part.cpu()].max())
            frames = self.data.frames_there[part]
            batch = self.data.gather(part, width, int(frames.max()))
            with sdpa_kernel(NO_PLANS):
                sums += self._losses(batch)[0]
            each = frames.sum().expand(lm.SLOTS)
            targets += torch.cat((each, torch.tensor([len(part)], device=self.device)))
        self._fill(self.parameters, kept)
        return float(sums.sum() / targets.sum()), [round(v, 2) for v in (sums / targets).tolist()]

    @staticmethod
    @torch.no_grad()
    def _fill(parameters, values):
        for p, value in zip(parameters, values, strict=True):
            p.copy_(value)

    def save(self):
        """Validate, then write the checkpoint and the averaged weights."""
        mean, slots = self.validate()
        say(f"lm: step {self.count} validation {mean:.3f} by slot {slots}")
        self.folder.mkdir(parents=True, exist_ok=True)
        names = [name for name, _ in self.model.named_parameters()]
        kept = {
            "count": self.count,
            "done": self.done,
            "epoch": self.epoch,
            "model": self.model.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
        }
        half = {name: p.half().cpu() for name, p in zip(names, self.average, strict=True)}
        for name, what in (("checkpoint.pt", kept), ("model.pt", half)):
            torch.save(what, self.folder / "new.tmp")
            (self.folder / "new.tmp").replace(self.folder / name)

    def _resume(self):
        kept = torch.load(
            self.folder / "checkpoint.pt", map_location=self.device, weights_only=True
        )
        self.model.load_state_dict(kept["model"])
        self._fill(self.average, kept["average"])
        self.optimiser.load_state_dict(kept["optimiser"])
        self.count, self.done, self.epoch = kept["count"], kept["done"], kept["epoch"]
        say(f"lm: going on from step {self.count}, {self.done:.0%} done")


def run(args):
    """Train the language model."""
    trainer = Trainer(args)
    if trainer.done < 1:
        trainer.run()
    say(f"lm: {trainer.count} steps, {trainer.epoch} epochs, in {trainer.folder}")


def defaults(**changes):
    """The options of this step with some changed, for callers from Python."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return argparse.Namespace(**(vars(parser.parse_args([])) | {"resume": False} | changes))
