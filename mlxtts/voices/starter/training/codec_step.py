"""One step of codec training, in two stages, and what must be kept of it.

``joint``    encoder, quantiser and decoder together, against spectra and phones, without
             discriminators.
``decoder``  the decoder alone on codes that stay as they are, with discriminators; meanwhile a
             language model can already be trained on those codes.

Input and target are two realisations of the same speech that differ only in their noise: what
cannot be predicted is not worth a code.
"""

import torch
import torch.nn.functional as F
from torch.nn.utils import parametrize

from . import careful, losses
from . import codec as codecs
from .flite import PHONES

BETAS = (0.8, 0.99)
STATS = ("mel", "commit", "phone", "spectrum", "agree", "fooled", "matching", "told", "gradient")


class Step:
    """Model, losses and optimisers of a stage; ``run`` makes one step and can be captured in a CUDA
    graph.
    """

    def __init__(self, speech, stage, options):
        self.speech, self.stage, self.options = speech, stage, options
        device = self.device = speech.device
        self.cuda = device.type == "cuda"
        self.model = codecs.build(options.config).to(device)
        self.mel = losses.MelLoss().to(device)
        bands = len(self.mel.filters1024)
        outs = {"phone": len(PHONES), "middle": len(PHONES), "spectrum": 2 * bands}
        heads = {name: losses.Head(self.model.latent_dim, out) for name, out in outs.items()}
        self.heads = torch.nn.ModuleDict(heads).to(device)
        self.judges = losses.Discriminators().to(device) if stage == "decoder" else None
        codebook_size = self.model.codebook_size
        self.use = torch.zeros(
            self.model.n_codebooks, codebook_size, device=device
        )  # running count of each code
        self.stats = torch.zeros(len(STATS), device=device)  # running means of STATS
        self.pull = torch.ones((), device=device)  # how much the heads may pull at the codes
        self._optimisers()

    def _optimisers(self):
        """Parameters by learning rate; rates are tensors, so that a captured graph sees them
        change.
        """
        if self.stage == "joint":
            named = [*self.model.named_parameters(), *self.heads.named_parameters()]
        else:
            named = list(self.model.decoder.named_parameters())
            for module in (self.model.encoder, self.model.quantizer):
                module.requires_grad_(False)
        fast = [p for name, p in named if "codebook" in name]
        slow = [p for name, p in named if "codebook" not in name]
        self.parameters = [p for _, p in named]
        groups = [(slow, self.options.lr), (fast, 2 * self.options.lr)]
        self.optimiser, self.rates = self._adam([g for g in groups if g[0]])
        if self.judges:
            self.judge_parameters = list(self.judges.parameters())
            self.judge_optimiser, judge_rates = self._adam(
                [(self.judge_parameters, self.options.lr_judges)]
            )
            self.rates = self.rates + judge_rates

    def _adam(self, groups):
        rates = [(torch.zeros((), device=self.device), rate) for _, rate in groups]
        settings = [
            {"params": p, "lr": r if self.cuda else 0.0}
            for (p, _), (r, _) in zip(groups, rates, strict=True)
        ]
        adam = careful.adam(settings, BETAS, 0.0, self.cuda)
        return adam, [
            (tensor, rate, group)
            for (tensor, rate), group in zip(rates, adam.param_groups, strict=True)
        ]

    def optimiser_states(self):
        """What a checkpoint keeps of the optimisers and discriminators."""
        kept = {"optimiser": self.optimiser.state_dict()}
        if self.judges:
            kept |= {
                "judges": self.judges.state_dict(),
                "judge_optimiser": self.judge_optimiser.state_dict(),
            }
        return kept

    def load_optimisers(self, kept):
        """The inverse of ``optimiser_states``; learning rates stay the tensors that a captured
        graph reads.
        """
        self.optimiser.load_state_dict(kept["optimiser"])
        groups = list(self.optimiser.param_groups)
        if self.judges:
            self.judges.load_state_dict(kept["judges"])
            self.judge_optimiser.load_state_dict(kept["judge_optimiser"])
            groups += self.judge_optimiser.param_groups
        self.rates = [
            (tensor, rate, group)
            for (tensor, rate, _), group in zip(self.rates, groups, strict=True)
        ]
        for tensor, _, group in self.rates:
            group["lr"] = tensor if self.cuda else 0.0

    def set_rate(self, factor):
        """Set every learning rate to ``factor`` times its base."""
        for tensor, rate, group in self.rates:
            tensor.fill_(rate * factor)
            if not self.cuda:
                group["lr"] = rate * factor

    def run(self):
        """One step on a fresh batch."""
        o = self.options
        heard, wanted, phones = self.speech.draw(o.batch, o.segment)
        with torch.no_grad():
            reference = self.mel.spectra(wanted[:, 0])
        values = dict.fromkeys(STATS, torch.zeros((), device=self.device))
        if self.stage == "joint":
            with parametrize.cached():  # the encoder's weights serve twice
                made, codes, found = self._joint(heard, wanted, phones, reference)
            weights = {"commit": o.commit, "phone": o.phones, "spectrum": o.spectrum}
            weights |= {"agree": o.agree, "book": 4.0}
        else:
            made, codes, found = self._decode(heard, wanted)
            weights = {"fooled": 1.0, "matching": o.matching}
        found["mel"] = self.mel(reference, made[:, 0])
        weights["mel"] = o.mel
        self.optimiser.zero_grad(set_to_none=True)
        sum(weight * found[name] for name, weight in weights.items() if weight).backward()
        found["gradient"] = careful.step(self.optimiser, self.parameters, o.clip)
        self._note(codes, [(values | found)[name] for name in STATS])

    def _joint(self, heard, wanted, phones, reference):
        """(audio made (B, 1, T), codes by level, losses by name) of the joint stage."""
        o = self.options
        z = codecs.forward(self.model.encoder, heard)
        q = codecs.quantize(self.model, z)
        made = codecs.forward(self.model.decoder, q.sums[-1])
        commit = q.distances[0] + q.distances[1] + o.fine * q.distances[2]
        found = {"commit": commit, "book": q.book}
        middle, last = (self._pulled(sums) for sums in (q.sums[1], q.sums[-1]))
        if o.phones:
            pairs = (("phone", last), ("middle", middle))
            told = [F.cross_entropy(self.heads[name](sums), phones) for name, sums in pairs]
            found["phone"] = sum(told)
        if o.spectrum:
            target = losses.spectrum_target(reference, phones.shape[1])
            found["spectrum"] = (self.heads["spectrum"](last) - target).abs().mean()
        if o.agree:
            with torch.no_grad():
                other = codecs.quantize(self.model, codecs.forward(self.model.encoder, wanted))
            found["agree"] = codecs.distance_to(self.model, z, other.codes)
        return made, q.codes, found

    def _pulled(self, sums):
        """The same sums; their gradient counts ``pull`` times."""
        return sums.detach() + self.pull * (sums - sums.detach())

    def _decode(self, heard, wanted):
        """(audio made (B, 1, T), codes by level, losses by name) of the decoder stage."""
        with torch.no_grad():
            q = codecs.quantize(self.model, codecs.forward(self.model.encoder, heard))
        made = codecs.forward(self.model.decoder, q.sums[-1])
        fooled, matching, told = self._judge(wanted, made)
        return made, q.codes, {"fooled": fooled, "matching": matching, "told": told}

    def _judge(self, wanted, made):
        """A step of the discriminators, then their losses for what was made; both (B, 1, T)."""
        o = self.options
        start = (o.segment - o.judge_segment) // 2
        crop = (slice(0, o.judge_batch), slice(None), slice(start, start + o.judge_segment))
        real, fake = wanted[crop], made[crop]
        with self._half():
            maps = self.judges(torch.cat((real, fake.detach())))
        told = losses.discriminator_loss(maps, len(real))
        self.judge_optimiser.zero_grad(set_to_none=True)
        told.backward()
        careful.step(self.judge_optimiser, self.judge_parameters, 50.0)
        self.judges.requires_grad_(False)
        with self._half():
            seen = self.judges(fake)
        self.judges.requires_grad_(True)
        fooled, matching = losses.adversarial_losses(maps, seen, len(real))
        return fooled, matching, told

    def _half(self):
        return torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.cuda, cache_enabled=False
        )

    @torch.no_grad()
    def _note(self, codes, values):
        self.use.mul_(0.99)
        for count, code in zip(self.use, codes, strict=True):
            count.scatter_add_(0, code.flatten(), torch.ones(code.numel(), device=self.device))
        now = torch.stack([v.detach().float() for v in values]).nan_to_num(99.0, 99.0, 99.0)
        self.stats.lerp_(now, 0.02)

    @torch.no_grad()
    def revive(self, average):
        """Give codes that are hardly used a latent of a fresh batch each, also in the running
        ``average``.

        Returns how many were revived at each level.
        """
        heard, _, _ = self.speech.draw(self.options.batch, self.options.segment)
        residual, revived = codecs.forward(self.model.encoder, heard), []
        for level, quantizer in enumerate(self.model.quantizer.quantizers):
            latent = (
                codecs.unit_latents(quantizer, residual)
                .transpose(1, 2)
                .reshape(-1, quantizer.codebook_dim)
            )
            dead = self.use[level] < 0.04 * self.use[level].mean()
            count = int(dead.sum())
            if count:
                fresh = latent[torch.randint(0, len(latent), (count,), device=self.device)]
                quantizer.codebook.weight[dead] = fresh
                self.use[level][dead] = self.use[level].mean()
                average[self._place(quantizer.codebook.weight)][dead] = fresh
            revived.append(count)
            table = F.normalize(quantizer.codebook.weight, dim=1)
            index = (codecs.unit_latents(quantizer, residual).transpose(1, 2) @ table.t()).argmax(2)
            out = quantizer.out_proj(F.embedding(index, table).transpose(1, 2))
            residual = residual - out.repeat_interleave(quantizer.stride, -1)
        return revived

    def _place(self, parameter):
        return next(i for i, p in enumerate(self.parameters) if p is parameter)

    def perplexity(self):
        """How many codes of each level are in use, as the exponential of the entropy."""
        share = self.use / self.use.sum(1, keepdim=True).clamp(min=1)
        return (-(share * (share + 1e-9).log()).sum(1)).exp().round().int().tolist()
