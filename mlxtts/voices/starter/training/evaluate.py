"""Measure a voice: what pocketsphinx hears of teacher, codec and whole chain, distances to the
teacher, durations, speed.

``python -m mlxtts.voices.starter.training evaluate --work DIR --voice FOLDER`` prints the table and
writes WORK/evaluation.json; with ``--resume``, what was already spoken and heard is taken from
WORK/evaluation.progress. Lines come from heldout.txt: the first 200 are spoken in every voice
and listened to, the others in one voice each and only timed. The codec's encoder is torch's, as in
training; all else is mlxtts, as a listener gets it. With ``--expressive`` a second table is of what
expressed.py measures.
"""

import hashlib
import json
import multiprocessing
import os
import sys
from pathlib import Path

import numpy as np

from . import expressed, listen, measures, teacher, text
from .flite import Flite
from .log import say
from .progress import Progress

SHORT, LONG = 0.8, 1.25  # duration by the teacher's: below, a drop or early end; above, a loop
SLACK = 0.25  # seconds by which it must differ too, as short words have few frames
_flite = _codec = None


def add_arguments(parser):
    """Options of the ``evaluate`` step."""
    option = parser.add_argument
    option("--voice", default="", help="folder of the exported voice (WORK/voice)")
    option("--lines", default=str(text.HELD_OUT), help="sentences, one a line")
    option("--heard", type=int, default=200, help="so many of them are listened to")
    option("--timed", type=int, default=1000, help="so many are spoken")
    option("--expressed", type=int, default=25, help="questions, and emphasised words, to measure")
    option("--skip", type=int, default=0, help="lines to leave out at the beginning")
    teacher.add_manner(parser)
    option("--temperature", type=float, default=None, help="in place of the voice's own")
    option("--top-p", type=float, default=None, help="in place of the voice's own")
    option("--codec-only", action="store_true", help="leave the language model out")
    option("--chain-only", action="store_true", help="leave the codec alone out")
    option("--cores", type=int, default=os.cpu_count())
    option("--seed", type=int, default=0)
    option("--samples", default="", help="folder for sound files and spectrograms of ten sentences")


def _teach(job):
    global _flite
    _flite = _flite or Flite()
    made = teacher.teacher(_flite, job[1], job[0], expressive=job[2])
    return np.zeros(teacher.FRAME, np.float32) if made is None else made[0][0]


def teach_all(jobs, cores, expressive=False):
    """The teacher's audio of every (voice, line), in order."""
    with multiprocessing.get_context("fork").Pool(cores) as pool:
        return pool.map(_teach, [(*job, expressive) for job in jobs], chunksize=4)


def _distance(pair):
    return measures.compare(*pair)


def distances(references, others, cores):
    """Mean of each distance over pairs of recordings."""
    with multiprocessing.get_context("fork").Pool(cores) as pool:
        found = pool.map(_distance, list(zip(references, others, strict=True)), chunksize=4)
    return {key: float(np.mean([f[key] for f in found])) for key in found[0]}


def rates(jobs, heard, voices):
    """{voice: (cer, wer)}, and "all"."""
    out = {}
    for name in (*voices, "all"):
        mine = [i for i, job in enumerate(jobs) if name in ("all", job[0])]
        out[name] = listen.error_rates([jobs[i][1] for i in mine], [heard[i] for i in mine])
    return out


def durations(spoken, references):
    """Counts of what went wrong, from durations and endings, and the median ratio."""
    lengths = np.array([s.frames * teacher.FRAME for s in spoken], float)
    theirs = np.array([len(reference) for reference in references], float)
    ratio, far = lengths / theirs, abs(lengths - theirs) > SLACK * teacher.SAMPLE_RATE
    return {
        "spoken": len(ratio),
        "median": float(np.median(ratio)),
        "short": int((far & (ratio < SHORT)).sum()),
        "long": int((far & (ratio > LONG)).sum()),
        "cut": sum(s.end != "stop" for s in spoken),
    }


def speeds(spoken):
    """Seconds of sound a second of each stage, in one process on one core."""
    aloud = [s for s in spoken if s.audio is not None]
    seconds = sum(s.frames for s in aloud) * teacher.FRAME / teacher.SAMPLE_RATE
    return {
        "model": seconds / sum(s.model_seconds for s in aloud),
        "decoder": seconds / sum(s.codec_seconds for s in aloud),
    }


def _load(folder):
    global _codec
    import torch

    from . import codec as codecs

    torch.set_num_threads(1)
    _codec = codecs.load(folder)


def _encode(audio):
    import torch

    from . import codec as codecs

    return codecs.encode(_codec, torch.from_numpy(audio)[None, None])[0].numpy()


def encode(folder, audios, cores):
    """Codes (n, 7) of each recording, by the codec in ``folder``."""
    with multiprocessing.get_context("spawn").Pool(cores, _load, (folder,)) as pool:
        return pool.map(_encode, list(audios), chunksize=4)


def plan(lines, args):
    """(voice, line) of what is listened to, and of what is only timed."""
    lines = lines[args.skip :]
    heard = [(voice, line) for voice in args.voices for line in lines[: args.heard]]
    rest = enumerate(lines[args.heard : args.timed])
    return heard, [(args.voices[i % len(args.voices)], line) for i, line in rest]


def settings(args, folder):
    """What the results depend on."""
    names = "heard timed expressed skip voices expressive temperature top_p seed".split()
    paths = [*sorted(p for p in folder.rglob("*") if p.is_file()), Path(args.lines), text.EXPRESSED]
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    return {name: getattr(args, name) for name in names} | {"files": digests}


def express(args, kept, voices):
    """What expressed.py measures, of each voice."""
    jobs = expressed.plan(args.expressed, args.voices)
    taught = teach_all(jobs, args.cores, args.expressive)
    spoken = kept.go_on("expressed", lambda n: voices.speak(jobs, args.seed, first=n))
    say("evaluate: the voice has expressed itself")
    return expressed.measure(jobs, taught, [s.audio for s in spoken], args.cores)


def measure(args):
    """(figures, what was listened to, recordings by row name)."""
    from .chain import Voices

    folder = Path(args.voice or Path(args.work) / "voice")
    kept = Progress(Path(args.work, "evaluation.progress"), settings(args, folder), args.resume)
    jobs, more = plan(text.read(args.lines), args)
    references = teach_all(jobs + more, args.cores, args.expressive)
    made = {"teacher": references[: len(jobs)]}
    say("evaluate: the teacher has spoken")
    figures = {}
    with Voices(folder, args.cores, args.temperature, args.top_p) as voices:
        if not args.chain_only:
            made["codec alone"] = voices.sound(
                encode(folder / "codec", made["teacher"], args.cores)
            )
            say("evaluate: the codec has spoken")
        if not args.codec_only:
            spoken = kept.go_on("spoken", lambda n: voices.speak(jobs, args.seed, first=n))
            made["whole chain"] = [s.audio for s in spoken]
            say("evaluate: the voice has spoken")
            figures["speeds"] = speeds(spoken)
            timed = kept.go_on(
                "timed", lambda n: voices.speak(more, args.seed, aloud=False, first=n)
            )
            spoken = [*spoken, *timed]
            figures["durations"] = durations(spoken, references)
            if args.expressive and args.expressed:
                figures["expressed"] = express(args, kept, voices)
    for row, audios in made.items():
        heard = kept.go_on(row, lambda n, a=audios: listen.hear_each(a[n:], args.cores))
        figures[row] = {"rates": rates(jobs, heard, args.voices)}
        if row != "teacher":
            figures[row] |= distances(made["teacher"], audios, args.cores)
            figures[row]["step"] = max(map(measures.steps, audios))
        say(f"evaluate: heard {row}: {figures[row]}")
    return figures, jobs, made


def table(figures, voices):
    """The figures as a Markdown table."""
    names = (*voices, "all")
    head = [f"{v} CER" for v in names] + ["all WER"] + [f"{v} / teacher" for v in names]
    head += ["spectrum dB", "pitch cents", "voicing %"]
    out = ["| | " + " | ".join(head) + " |", "| --- " * (len(head) + 1) + "|"]
    base = figures["teacher"]["rates"]
    for row in ("teacher", "codec alone", "whole chain"):
        if row not in figures:
            continue
        part = figures[row]
        cells = [f"{part['rates'][v][0]:.3f}" for v in names] + [f"{part['rates']['all'][1]:.3f}"]
        cells += [f"{part['rates'][v][0] / max(base[v][0], 1e-9):.2f}" for v in names]
        cells += (
            [f"{part['spectrum']:.1f}", f"{part['pitch']:.0f}", f"{100 * part['voicing']:.1f}"]
            if "pitch" in part
            else [""] * 3
        )
        out.append(f"| {row} | " + " | ".join(cells) + " |")
    if "durations" in figures:
        d, speed = figures["durations"], figures["speeds"]
        out.append("")
        out.append(
            f"{d['spoken']} utterances: {d['short']} shorter than {SHORT} and {d['long']} longer "
            f"than {LONG} times the teacher's by more than {SLACK} s, {d['cut']} cut off by the "
            f"limit; median {d['median']:.3f}. Model {speed['model']:.1f} and decoder "
            f"{speed['decoder']:.1f} times real time."
        )
    if "expressed" in figures:
        out += ["", expressed.table(figures["expressed"])]
    return "\n".join(out)


def write_samples(folder, jobs, made, count=10):
    """Sound files of the first lines of each voice, and a picture of teacher, codec and chain above
    each other.
    """
    import soundfile

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    each = len(jobs) // len({voice for voice, _ in jobs})
    for i in [k for k in range(len(jobs)) if k % each < count]:
        base = f"{jobs[i][0]}-{i % each:02d}"
        for row, audios in made.items():
            soundfile.write(
                folder / f"{base}-{row.replace(' ', '-')}.flac", audios[i], teacher.SAMPLE_RATE
            )
        picture(
            folder / f"{base}.png", {row: audios[i] for row, audios in made.items()}, jobs[i][1]
        )


def picture(path, recordings, title):
    """Spectrograms of recordings {name: (T,)}, one above the other."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 2.6 * len(recordings)), layout="constrained")
    for axis, (name, audio) in zip(
        figure.subplots(len(recordings), 1, squeeze=False)[:, 0], recordings.items(), strict=True
    ):
        levels = measures.log_spectra(audio)
        extent = (0, len(audio) / teacher.SAMPLE_RATE, 0, 8)
        axis.imshow(
            levels.T, origin="lower", aspect="auto", extent=extent, vmin=-80, vmax=-10, cmap="magma"
        )
        axis.set_ylabel(f"{name}, kHz")
    figure.suptitle(title)
    figure.savefig(path, dpi=80)


def run(args):
    """Measure, print the table, write WORK/evaluation.json."""
    figures, jobs, made = measure(args)
    Path(args.work, "evaluation.json").write_text(
        json.dumps(figures, indent=1) + "\n", encoding="utf8"
    )
    sys.stdout.write(table(figures, args.voices) + "\n")
    if args.samples:
        write_samples(args.samples, jobs, made)
