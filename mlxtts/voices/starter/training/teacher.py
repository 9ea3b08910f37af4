"""Teacher audio: every line of the text, read by flite on all cores, in shards that can be used as
they come.

WORK/speech/00017.audio.npy   int16 (views, samples), 24 kHz; each utterance padded to whole codec
                              frames (2048 samples). Two views are two realisations of the same
                              speech that differ in their noise alone.
WORK/speech/00017.phones.npy  int8, one phone (index in flite.PHONES) for each 512 samples
WORK/speech/00017.json        the manifest: [start sample, samples, voice, text] for each utterance

A shard is there when its manifest is; ``--resume`` makes only the missing ones.
"""

import json
import multiprocessing
import os
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soxr

from . import expression
from . import text as text_step
from .flite import MORE, PHONES, RATE, VOICES, Flite
from .log import say

SAMPLE_RATE = 24000
FRAME = 2048  # samples of one frame of seven codes
HOP = 512  # samples of one code of the finest level
GAIN = {
    "slt": 0.9,
    "rms": 1.3,
    "awb": 1.25,
    "kal16": 3.0,
}  # fixed, so that no utterance's level depends on its own peak
BEFORE, AFTER = 0.04, 0.10  # seconds kept around the speech
LONGEST = 14.0  # seconds

_flite = None


def teacher(flite, text, voice, seeds=(1,), expressive=False):
    """Audio float32 (len(seeds), samples at 24 kHz, whole frames) and phones int8 (samples / 512);
    None if unusable. ``expressive``: with questions that rise and emphasised words.
    """
    how = expression.read(text) if expressive else None
    takes = [flite.speak(text, voice, seed, how) for seed in seeds]
    phones = takes[0][1]
    begin, end = expression.span(phones, lambda phone: phone.name != "pau")
    if not end:
        return None
    begin, end = max(0.0, begin - BEFORE), end + AFTER
    if not 0.1 < end - begin < LONGEST:
        return None
    cut = slice(int(begin * RATE), int(end * RATE))
    audio = np.stack(
        [soxr.resample(x[cut] / 32768 * GAIN[voice], RATE, SAMPLE_RATE) for x, _ in takes]
    )
    audio = np.pad(audio, ((0, 0), (0, -audio.shape[1] % FRAME)))
    return np.clip(audio, -1, 1).astype(np.float32), label(phones, begin, audio.shape[1])


def label(phones, begin, samples):
    """The phone at the middle of each 512 samples (int8), silence past the end."""
    middle = begin + (np.arange(samples // HOP) + 0.5) * HOP / SAMPLE_RATE
    index = np.searchsorted([phone.end for phone in phones], middle)
    names = [PHONES.index(phone.name) if phone.name in PHONES else 0 for phone in phones] + [0]
    return np.array(names, np.int8)[np.minimum(index, len(phones))]


def voice_of(number, voices=VOICES):
    """The voice that reads line ``number`` of the text: they take turns in a scrambled order, each
    as often as it is named.
    """
    return voices[(number * 2654435761 >> 7) % len(voices)]


def _shard(job):
    """Make one shard; returns (seconds of audio, utterances)."""
    folder, shard, first, lines, views, voices, expressive = job
    audio, phones, manifest, position = [], [], [], 0
    for number, line in enumerate(lines, first):
        voice = voice_of(number, voices)
        seeds = [2 * number + 1 + k for k in range(views)]
        made = teacher(_flite, line, voice, seeds, expressive)
        if made is None:
            continue
        audio.append((made[0] * 32767).astype(np.int16))
        phones.append(made[1])
        manifest.append([position, audio[-1].shape[1], voice, line])
        position += audio[-1].shape[1]
    if not manifest:
        return 0.0, 0
    base = Path(folder) / f"{shard:05d}"
    np.save(f"{base}.audio.npy", np.concatenate(audio, 1))
    np.save(f"{base}.phones.npy", np.concatenate(phones))
    temporary = Path(f"{base}.json.tmp")
    temporary.write_text(json.dumps(manifest), encoding="utf8")
    temporary.replace(f"{base}.json")
    return position / SAMPLE_RATE, len(manifest)


def shards(work):
    """Numbers of the shards that are complete, in order."""
    return sorted(int(path.stem) for path in (Path(work) / "speech").glob("[0-9]*.json"))


def read_manifest(work, number):
    """[[start sample, samples, voice, text]] of a shard."""
    path = Path(work) / "speech" / f"{number:05d}.json"
    return json.loads(path.read_text(encoding="utf8"))


def read_shard(work, number):
    """(audio int16 (views, samples) as a memory map, phones int8, manifest) of a shard."""
    base, manifest = Path(work) / "speech" / f"{number:05d}", read_manifest(work, number)
    return np.load(f"{base}.audio.npy", mmap_mode="r"), np.load(f"{base}.phones.npy"), manifest


def add_manner(parser):
    """Options of all steps that must agree on who speaks, and how."""
    parser.add_argument(
        "--voices",
        nargs="+",
        default=list(VOICES),
        choices=VOICES + MORE,
        help="who speaks; one that is named twice speaks twice as much",
    )
    parser.add_argument(
        "--expressive", action="store_true", help="questions that rise, and emphasised *words*"
    )


def manner(args):
    """The options as ``add_manner`` reads them."""
    return ["--voices", *args.voices, *(["--expressive"] if args.expressive else [])]


def add_arguments(parser):
    """Options of the ``teacher`` step."""
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--shard", type=int, default=125, help="lines a shard")
    parser.add_argument(
        "--twice", type=int, default=700, help="so many shards get two views, for the codec"
    )
    add_manner(parser)
    parser.add_argument("--limit", type=float, default=1e9, help="stop after so many seconds")


@contextmanager
def _ended_by_exit():
    """SIGTERM is an exit, with which a pool ends; but not in its processes, forked before: one that
    handles the signal can lose it, and the pool then waits for ever.
    """
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def run(args):
    """Write the shards of WORK/text.txt.gz into WORK/speech."""
    global _flite
    _flite = _flite or Flite()  # before the processes, which a pool would start again and again
    lines = text_step.read(Path(args.work) / "text.txt.gz")
    folder = Path(args.work) / "speech"
    folder.mkdir(parents=True, exist_ok=True)
    have = set(shards(args.work)) if args.resume else set()
    starts = range(0, len(lines), args.shard)
    jobs = [
        (
            str(folder),
            k,
            first,
            lines[first : first + args.shard],
            2 if k < args.twice else 1,
            args.voices,
            args.expressive,
        )
        for k, first in enumerate(starts)
        if k not in have
    ]
    begin, seconds, count = time.time(), 0.0, 0
    with multiprocessing.get_context("fork").Pool(args.cores) as pool, _ended_by_exit():
        for done, (length, utterances) in enumerate(pool.imap_unordered(_shard, jobs), 1):
            seconds, count = seconds + length, count + utterances
            if done % 50 == 0:
                say(f"teacher: {done}/{len(jobs)} shards, {seconds / 3600:.1f} h")
            if time.time() - begin > args.limit:
                break
        pool.terminate()
    say(f"teacher: {count} utterances, {seconds / 3600:.1f} h, in {time.time() - begin:.0f} s")
