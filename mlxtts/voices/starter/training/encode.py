"""Turn the teacher's audio into codes: WORK/codes/00017.npy, int16 (frames, 7), for every shard of
WORK/speech.

Utterances are encoded as if each were alone: silence is put between them that is longer than what
the encoder sees. ``--part 0/2`` does every second shard, so that two GPUs
can share the work; ``--watch`` goes on with shards as they come; ``--after FILE`` gets ready, and
begins when that file is there.
"""

import time
from pathlib import Path

import numpy as np
import torch

from . import codec as codecs
from . import teacher
from .log import say

GAP = 3  # frames of silence between utterances


def add_arguments(parser):
    """Options of the ``encode`` step."""
    parser.add_argument("--codec", default="codec", help="folder in WORK of the codec")
    parser.add_argument("--device", default="cuda:0" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--part", default="0/1", help="K/N: every N-th shard, starting with K")
    parser.add_argument("--chunk", type=int, default=2048, help="frames encoded at a time")
    parser.add_argument("--codes", default="codes", help="folder in WORK to write")
    parser.add_argument("--watch", action="store_true", help="wait for more shards until stopped")
    parser.add_argument("--after", default="", help="wait for this file first")


def spread(manifest):
    """Which frame of a shard stands where (n,); after each utterance GAP frames of silence, -1."""
    order = []
    for start, samples, _, _ in manifest:
        first = start // teacher.FRAME
        order += [*range(first, first + samples // teacher.FRAME), *[-1] * GAP]
    return np.array(order)


def shard_codes(model, audio, manifest, device, chunk):
    """Codes int16 (frames, 7) of a shard's audio int16 (samples,); chunks are all of one size."""
    frames = torch.from_numpy(audio).to(device).view(-1, teacher.FRAME)
    frames = torch.cat((frames, frames.new_zeros(1, teacher.FRAME)))  # -1 is silence
    order, edge = spread(manifest), GAP
    total = -(-len(order) // chunk) * chunk
    padded = np.pad(order, (edge, total - len(order) + edge), constant_values=-1)
    places = torch.from_numpy(padded).to(device) % len(frames)
    parts = []
    for first in range(0, total, chunk):
        piece = frames[places[first : first + chunk + 2 * edge]].flatten()
        codes = codecs.encode(model, piece.float().div(32768)[None, None])[0]
        parts.append(codes[edge : edge + chunk])
    return torch.cat(parts)[: len(order)].to(torch.int16).cpu().numpy()[order >= 0]


def run(args):
    """Encode the shards that have no codes yet (all of them without --resume)."""
    device = torch.device(args.device)
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    if args.after:
        get_ready(device, args.chunk)
        while not Path(args.after).exists():
            time.sleep(0.1)
    model = codecs.load(Path(args.work) / args.codec).to(device)
    folder = Path(args.work) / args.codes
    folder.mkdir(exist_ok=True)
    mine, of = map(int, args.part.split("/"))
    if not args.resume:
        for path in folder.glob("[0-9]*.npy"):
            path.unlink()
    begin, hours = time.time(), 0.0
    while True:
        for number in teacher.shards(args.work):
            if number % of == mine and not (folder / f"{number:05d}.npy").exists():
                hours += encode_shard(model, args.work, number, folder, device, args.chunk)
        if not args.watch:
            break
        time.sleep(1)
    say(f"encode: {hours:.1f} h in {time.time() - begin:.0f} s")


def get_ready(device, chunk):
    """Have a GPU load, and Triton compile, what encoding needs."""
    if device.type == "cuda":
        model = codecs.fold(codecs.build()).to(device)
        silence = np.zeros(teacher.FRAME, np.int16)
        shard_codes(model, silence, [[0, teacher.FRAME, "", ""]], device, chunk)


def encode_shard(model, work, number, folder, device, chunk):
    """Write the codes of one shard; returns its hours of audio."""
    audio, _, manifest = teacher.read_shard(work, number)
    codes = shard_codes(model, np.array(audio[0]), manifest, device, chunk)
    path = folder / f"{number:05d}.npy"
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.save(file, codes)
    temporary.replace(path)
    return len(codes) * teacher.FRAME / teacher.SAMPLE_RATE / 3600
