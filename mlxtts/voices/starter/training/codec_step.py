"""One step of codec training: encoder, quantiser and decoder together, against spectra and phones.

Input and target are two realisations of the same speech that differ only in their noise: what
cannot be predicted is not worth a code.
"""

import torch
import torch.nn.functional as F
from torch.nn.utils import parametrize

from . import careful, losses, muon
from . import codec as codecs
from .flite import PHONES
from .streams import beside

BETAS = (0.8, 0.99)
DIRECTIONS = "parametrizations.weight.original1"  # of weights whose length is a parameter apart
STATS = ("mel", "commit", "phone", "spectrum", "agree", "gradient")


class Step:
    """Model, losses and optimiser. A step is ``find``, which leaves its gradients in ``gradients``,
    and ``update``; each can be captured in a CUDA graph.
    """

    def __init__(self, speech, options, batch):
        self.speech, self.options, self.batch = speech, options, batch
        device = self.device = speech.device
        self.cuda = device.type == "cuda"
        self.model = codecs.build(options.config).to(device)
        self.mel = losses.MelLoss().to(device)
        bands = len(self.mel.filters1024)
        outs = {"phone": len(PHONES), "middle": len(PHONES), "spectrum": 2 * bands}
        heads = {name: losses.Head(self.model.latent_dim, out) for name, out in outs.items()}
        self.heads = torch.nn.ModuleDict(heads).to(device)
        codebook_size = self.model.codebook_size
        self.use = torch.zeros(
            self.model.n_codebooks, codebook_size, device=device
        )  # running count of each code
        self.stats = torch.zeros(len(STATS), device=device)  # running means of STATS
        self.pull = torch.ones((), device=device)  # how much the heads may pull at the codes
        named = [*self.model.named_parameters(), *self.heads.named_parameters()]
        self.parameters = [p for _, p in named]
        self.gradients = careful.side_by_side(self.parameters)
        fast = [p for name, p in named if "codebook" in name]
        straight = [p for name, p in named if name.endswith(DIRECTIONS) and muon.is_matrix(p)]
        others = {*self.parameters} - {*fast, *straight}
        adam = [
            {"params": [p for p in self.parameters if p in others], "lr": options.lr},
            {"params": fast, "lr": options.books * options.lr},
        ]
        turned = [{"params": straight, "lr": options.turn}]
        self.optimiser = careful.Optimiser(device, adam, turned, betas=BETAS)
        self.straight = straight

    @torch.no_grad()
    def straighten(self):
        """Make the directions that Muon turns 1 long, as a step is as large whatever they are."""
        for p in self.straight:
            p.div_(p.flatten(1).norm(dim=1).view(-1, *[1] * (p.ndim - 1)))

    def find(self):
        """The gradients on a fresh batch."""
        o = self.options
        heard, wanted, phones = self.speech.draw(self.batch, o.segment)
        values = dict.fromkeys(STATS[:-1], torch.zeros((), device=self.device))
        with parametrize.cached():  # the encoder's weights serve twice
            codes, found = self._forward(heard, wanted, phones)
        weights = {"mel": o.mel, "commit": o.commit, "phone": o.phones, "spectrum": o.spectrum}
        weights |= {"agree": o.agree, "book": 4.0}
        loss = sum(weight * found[name] for name, weight in weights.items() if weight)
        careful.fill(self.gradients, loss, self.parameters)
        self._note(codes, [(values | found)[name] for name in STATS[:-1]])

    def update(self):
        """A step along the gradients."""
        norm = self.optimiser.step(self.options.clip)
        with torch.no_grad():
            self.stats[-1].lerp_(norm.nan_to_num(99.0, 99.0, 99.0), 0.02)

    def _forward(self, heard, wanted, phones):
        """(codes by level, losses by name)."""
        o = self.options
        z = codecs.forward(self.model.encoder, heard)
        q = codecs.quantize(self.model, z)  # first: weights that have no gradient would be cached
        with beside(self.device) as turn:
            with turn(), torch.no_grad():
                reference = self.mel.spectra(wanted[:, 0])
                other = self._codes(wanted) if o.agree else None
            made = codecs.forward(self.model.decoder, q.sums[-1])
        commit = q.distances[0] + q.distances[1] + o.fine * q.distances[2]
        found = {"mel": self.mel(reference, made[:, 0]), "commit": commit, "book": q.book}
        middle, last = (self._pulled(sums) for sums in (q.sums[1], q.sums[-1]))
        if o.phones:
            pairs = (("phone", last), ("middle", middle))
            told = [F.cross_entropy(self.heads[name](sums), phones) for name, sums in pairs]
            found["phone"] = sum(told)
        if o.spectrum:
            target = losses.spectrum_target(reference, phones.shape[1])
            found["spectrum"] = (self.heads["spectrum"](last) - target).abs().mean()
        if o.agree:
            found["agree"] = codecs.distance_to(self.model, z, other)
        return q.codes, found

    def _codes(self, audio):
        return codecs.quantize(self.model, codecs.forward(self.model.encoder, audio)).codes

    def _pulled(self, sums):
        """The same sums; their gradient counts ``pull`` times."""
        return sums.detach() + self.pull * (sums - sums.detach())

    @torch.no_grad()
    def _note(self, codes, values):
        self.use.mul_(0.99)
        for count, code in zip(self.use, codes, strict=True):
            count.scatter_add_(0, code.flatten(), torch.ones(code.numel(), device=self.device))
        now = torch.stack([v.detach().float() for v in values]).nan_to_num(99.0, 99.0, 99.0)
        self.stats[:-1].lerp_(now, 0.02)

    @torch.no_grad()
    def revive(self, average):
        """Give codes that are hardly used a latent of a fresh batch each, also in the running
        ``average``.

        Returns how many were revived at each level.
        """
        heard, _, _ = self.speech.draw(self.batch, self.options.segment)
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

    def books(self, average):
        """The codes of all levels, also in the running ``average``."""
        codes = [quantizer.codebook.weight for quantizer in self.model.quantizer.quantizers]
        return [*(c.detach() for c in codes), *(average[self._place(c)] for c in codes)]

    def _place(self, parameter):
        return next(i for i, p in enumerate(self.parameters) if p is parameter)

    def perplexity(self):
        """How many codes of each level are in use, as the exponential of the entropy."""
        share = self.use / self.use.sum(1, keepdim=True).clamp(min=1)
        return (-(share * (share + 1e-9).log()).sum(1)).exp().round().int().tolist()
