"""The teacher's audio on the device, for the codec: what is there is used, and more is taken in as
it comes.

Knows the shards that teacher.py writes; gives random stretches of speech.
"""

import time

import numpy as np
import torch

from . import teacher
from .log import say


class Speech:
    """A store of audio int16 (2, samples) and phones int8 (samples / 512) on ``device``, with room
    for ``hours``.
    """

    def __init__(self, work, device, hours):
        self.work, self.device = work, device
        self.room = int(hours * 3600 * teacher.SAMPLE_RATE) // teacher.FRAME * teacher.FRAME
        self.audio = torch.zeros(2, self.room, dtype=torch.int16, device=device)
        self.phones = torch.zeros(self.room // teacher.HOP, dtype=torch.int8, device=device)
        self.have, self.seen = 0, set()
        self.limit = torch.zeros(
            (), device=device, dtype=torch.float64
        )  # a tensor, so that a graph sees it grow

    @property
    def hours(self):
        """Hours of speech that are here."""
        return self.have / teacher.SAMPLE_RATE / 3600

    def refill(self):
        """Take in the shards with two views that have come since the last time."""
        for number in teacher.shards(self.work):
            if number in self.seen or self.have == self.room:
                continue
            self.seen.add(number)
            audio, phones, _ = teacher.read_shard(self.work, number)
            if len(audio) < 2:
                continue
            count = min(audio.shape[1], self.room - self.have)
            there = slice(self.have, self.have + count)
            self.audio[:, there] = torch.from_numpy(np.array(audio[:2, :count])).to(self.device)
            labels = slice(self.have // teacher.HOP, (self.have + count) // teacher.HOP)
            self.phones[labels] = torch.from_numpy(phones[: count // teacher.HOP]).to(self.device)
            self.have += count
        self.limit.fill_(self.have // teacher.HOP)

    def wait(self, seconds, patience=600):
        """Return once there are so many ``seconds`` of speech."""
        begin = time.time()
        self.refill()
        while self.have < seconds * teacher.SAMPLE_RATE:
            if time.time() - begin > patience:
                raise TimeoutError(
                    f"only {self.have / teacher.SAMPLE_RATE:.0f} s of speech in {self.work}"
                )
            time.sleep(1)
            self.refill()
        say(f"speech: {self.hours:.2f} h to start with")

    def draw(self, batch, samples):
        """One realisation (B, 1, T), another one of the same stretch (B, 1, T), and its phones
        int64 (B, T / 512).

        T is ``samples``, a multiple of 2048. Stretches start at multiples of 512 samples.
        """
        hops = samples // teacher.HOP
        uniform = torch.rand(batch, device=self.device, dtype=torch.float64)
        start = (uniform * (self.limit - hops)).clamp(min=0).long()
        where = start[:, None] * teacher.HOP + torch.arange(samples, device=self.device)
        first = (torch.rand(batch, 1, device=self.device) < 0.5).long()
        pick = [
            self.audio[side, where].float().div(32768).unsqueeze(1) for side in (first, 1 - first)
        ]
        labels = self.phones[start[:, None] + torch.arange(hops, device=self.device)]
        return pick[0], pick[1], labels.long()
