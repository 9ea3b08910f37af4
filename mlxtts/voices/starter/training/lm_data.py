"""Training sequences of the language model on the device, in batches of a few fixed shapes.

Knows where the codes and the texts are and how a sequence is laid out (prompt, then seven codes a
frame, then the end). Sequences of like length share a batch; every batch of a kind has the same
shape, so that a step can be a CUDA graph.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from . import lm, teacher

HELD_BACK = 256  # sequences for validation
LONGEST = 1200  # input tokens; longer sequences are rare
ROOM = 450_000  # sequences
PATIENCE = 600  # seconds to wait for more than the first
MOST = 0.9  # of the hours that are here


def _hours(frames):
    return frames.sum() * teacher.FRAME / teacher.SAMPLE_RATE / 3600


@dataclass
class Batch:
    """Static tensors of one shape: what a captured step reads."""

    tokens: torch.Tensor  # (B, T) inputs
    begin: torch.Tensor  # (B,) place of START_OF_AUDIO
    frames: torch.Tensor  # (B,) frames of audio
    codes: torch.Tensor  # (B, n, 7) targets


class Sequences:
    """WORK/CODES with its texts, and more as it comes.

    On ``device``, with room for ``room`` sequences: prompts (sum of prompts,), codes (sum of
    frames, 7), and of each sequence where its prompt and frames start and how many they are. The
    tensors stay where they are when more comes in, so a captured step sees it. Texts of speech
    that has no codes yet are read ahead of them.
    """

    def __init__(self, work, codes, device, room=ROOM):
        self.work, self.device, self.room, self.seen = work, device, room, set()
        self.folder = Path(work) / codes
        self.prompts = torch.zeros(room * 64, dtype=torch.int16, device=device)
        self.codes = torch.zeros(room * 48, lm.SLOTS, dtype=torch.int16, device=device)
        names = ("prompt_start", "prompt_length_there", "frame_start", "frames_there")
        for name in names:
            setattr(self, name, torch.zeros(room, dtype=torch.long, device=device))
        self.prompt_length, self.frames = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self.ahead = {}  # shards without codes: their prompts and frames
        self.refill()
        self._hold_back()

    def wait(self, hours, until, ahead=False):
        """Until so many ``hours`` have come with their codes, or without if ``ahead``; no longer
        than to the time ``until``, and than PATIENCE after the first. Codes also until most of the
        speech that is here has them, as encoding and training on one GPU slow each other down.
        """
        while not self._enough(hours, ahead) and time.time() < until:
            if len(self._frames(ahead)):
                until = min(until, time.time() + PATIENCE)
            time.sleep(0.5)
            self.refill()
        if not len(self._frames(ahead)):
            raise FileNotFoundError(f"no codes in {self.folder}")
        self._hold_back()

    def _enough(self, hours, ahead):
        here = _hours(self._frames(ahead))
        return here >= hours and (ahead or not hours or here >= MOST * _hours(self._frames()))

    def _hold_back(self):
        self.held = min(HELD_BACK, len(self.frames) // 10)

    @property
    def hours(self):
        """Hours of speech that are here."""
        return _hours(self.frames)

    @property
    def length(self):
        """Input tokens of each sequence; the end itself is never an input."""
        return self.prompt_length + lm.SLOTS * self.frames

    def _frames(self, ahead=True):
        """Frames of each sequence, also of those that have no codes yet if ``ahead``."""
        more = [frames for _, frames in self.ahead.values()] if ahead else []
        return np.concatenate((self.frames, *more))

    def _length(self):
        """Input tokens of the same."""
        ahead = [[len(p) for p in prompts] for prompts, _ in self.ahead.values()]
        return np.concatenate((self.prompt_length, *ahead)) + lm.SLOTS * self._frames()

    def refill(self):
        """Take in the codes that have come since the last time, and read texts ahead."""
        there = {int(path.stem) for path in self.folder.glob("[0-9]*.npy")}
        for number in sorted(there - self.seen):
            self.seen.add(number)
            codes = np.load(self.folder / f"{number:05d}.npy")
            self._append(*(self.ahead.pop(number, None) or self._read(number)), codes)
        for number in {*teacher.shards(self.work)} - self.seen - {*self.ahead}:
            self.ahead[number] = self._read(number)

    def _read(self, number):
        """Prompts and frames (n,) of a shard."""
        manifest = teacher.read_manifest(self.work, number)
        prompts = [np.array(lm.prompt(v, text), np.int16) for _, _, v, text in manifest]
        return prompts, np.array([samples // teacher.FRAME for _, samples, _, _ in manifest])

    def _append(self, prompts, frames, codes):
        have, more = len(self.frames), len(frames)
        lengths, text = np.array([len(p) for p in prompts]), np.concatenate(prompts)
        text_at, frame_at = int(self.prompt_length.sum()), int(self.frames.sum())
        if (
            have + more > self.room
            or text_at + len(text) > len(self.prompts)
            or frame_at + len(codes) > len(self.codes)
        ):
            return
        self.prompts[text_at : text_at + len(text)] = self._put(text)
        self.codes[frame_at : frame_at + len(codes)] = self._put(codes)
        rows = slice(have, have + more)
        self.prompt_start[rows] = self._put(text_at + np.cumsum(lengths) - lengths)
        self.frame_start[rows] = self._put(frame_at + np.cumsum(frames) - frames)
        self.prompt_length_there[rows], self.frames_there[rows] = map(self._put, (lengths, frames))
        self.prompt_length = np.concatenate((self.prompt_length, lengths))
        self.frames = np.concatenate((self.frames, frames))

    def _put(self, array):
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

    def widths(self, kinds=10):
        """Shapes (input length, frames) into which sequences fall, by quantiles of their length,
        the last with room for the longest that may come; and the longest length of each.
        """
        length, frames_of = self._length(), self._frames()
        edges = np.quantile(length, np.linspace(0, 1, kinds + 1)[1:-1], method="higher")
        edges = np.unique(np.append(edges, [max(LONGEST, length.max())]))
        shapes, low = [], 0
        for edge in edges.tolist():
            mine = frames_of[(length > low) & (length <= edge)]
            frames = min(edge // lm.SLOTS, int(mine.max()) + 8 if len(mine) else edge)
            shapes.append((-(-edge // 8) * 8, frames))
            low = edge
        return shapes, edges

    def plan(self, rng, shapes, edges, sizes):
        """Batches of an epoch in random order: [(kind, row numbers)], full ones only."""
        batches, rows = [], np.arange(self.held, len(self.frames))
        kind = np.searchsorted(edges, self.length[rows])
        for k, size in enumerate(sizes):
            mine = rng.permutation(rows[(kind == k) & (self.frames[rows] <= shapes[k][1])])
            batches += [(k, mine[i : i + size]) for i in range(0, len(mine) - size + 1, size)]
        rng.shuffle(batches)
        return batches

    def gather(self, rows, width, count, corrupt=0.0):
        """The Batch of ``rows`` (B,) with inputs of ``width`` tokens, ``count`` frames; nothing
        here waits for the GPU.

        ``corrupt`` is the share of input codes that are replaced by a random one of their slot.
        """
        begin, frames = (self.prompt_length_there[rows] - 1).clamp(min=0), self.frames_there[rows]
        turn = torch.arange(count, device=self.device)
        at = (self.frame_start[rows][:, None] + turn).clamp(max=len(self.codes) - 1)
        codes = self.codes[at].long()
        heard = codes
        if corrupt:
            wrong = torch.rand(codes.shape, device=self.device) < corrupt
            heard = torch.where(wrong, torch.randint_like(codes, lm.CODES), codes)
        slot = torch.arange(lm.SLOTS, device=self.device) * lm.CODES + lm.FIRST_AUDIO
        audio = (heard + slot).flatten(1)
        place = torch.arange(width, device=self.device)
        text_at = (self.prompt_start[rows][:, None] + place).clamp(max=len(self.prompts) - 1)
        text = self.prompts[text_at].long()
        audio_at = (place - begin[:, None] - 1).clamp(0, audio.shape[1] - 1)
        tokens = torch.where(place <= begin[:, None], text, audio.gather(1, audio_at))
        tokens = torch.where(place <= (begin + lm.SLOTS * frames)[:, None], tokens, lm.PAD)
        return Batch(tokens, begin, frames, codes)
