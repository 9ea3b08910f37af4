"""How far a voice does what it is asked to: whether its questions rise, and how much longer and
higher its emphasised words are.

Each line of expressed.txt is spoken as it is and plainly, a question as a statement and an
emphasised word as any, and what is measured is the one by the other, of the teacher and of the
whole chain. Where a word is in the chain's audio follows from where it is in the teacher's, by
warping one onto the other in time.
"""

import multiprocessing

import numpy as np

from . import expression, measures, teacher, text
from .flite import RATE, Flite

FRAMES = measures.RATE / measures.HOP  # a second
ENDING = 0.15  # seconds of voiced sound at the end of a question
HIGHEST = 600.0  # Hz; a question of the highest voice ends above 400
RISEN = 1.2  # the ratio above which a question rises
RATIOS = {
    "end": "pitch at the end of a question",
    "pitch": "pitch of an emphasised word",
    "word": "its length",
    "length": "length of its utterance",
}
_flite = None


def pairs(count):
    """(line, how it is when said plainly) for so many questions and so many emphasised words."""
    lines = text.held_out(text.EXPRESSED)
    asked = [line for line in lines if line.endswith("?")][:count]
    stressed = [line for line in lines if expression.MARK in line][:count]
    plain = [f"{line[:-1]}." for line in asked] + [
        line.replace(expression.MARK, "") for line in stressed
    ]
    return list(zip(asked + stressed, plain, strict=True))


def plan(count, voices):
    """(voice, line) of all that is to be spoken, each line before its plain one."""
    return [(voice, line) for voice in voices for pair in pairs(count) for line in pair]


def ending(audio):
    """The pitch at the end, in Hz; NaN if nothing is voiced."""
    heard = measures.pitch(audio, high=HIGHEST)
    return middle(heard[heard > 0][-round(ENDING * FRAMES) :])


def middle(values):
    """Their median; NaN if there are none."""
    return float(np.median(values)) if len(values) else float("nan")


def heard(audio):
    """Frames from the first that has sound in it to the last."""
    loud = np.flatnonzero(measures.log_spectra(audio).max(1) > -60)
    return loud[-1] - loud[0] + 1 if len(loud) else 0


def place(line, token, voice):
    """From which frame to which the teacher says a token."""
    global _flite
    _flite = _flite or Flite()
    how = expression.read(line)
    phones = _flite.speak(how.text, voice, how=how)[1]
    cut = expression.span(phones, lambda phone: phone.name != "pau")[0] - teacher.BEFORE
    cut = int(max(0.0, cut) * RATE) / RATE
    begin, end = expression.span(phones, lambda phone: phone.token == token)
    return [round((seconds - cut) * FRAMES) for seconds in (begin, end)]


def word(audio, reference, begin, end):
    """(pitch, frames) of what is in ``audio`` where ``begin`` to ``end`` are in ``reference``."""
    where = np.arange(begin, end)
    if audio is not reference:
        a, b = (measures.bands(measures.log_spectra(x)) for x in (reference, audio))
        path = measures.warp(a, b)
        where = np.unique(path[(path[:, 0] >= begin) & (path[:, 0] < end), 1])
    found = measures.pitch(audio, high=HIGHEST)[where]
    return middle(found[found > 0]), len(where)


def ratios(job):
    """{name of RATIOS: (the teacher's, the chain's)} of a (voice, line, plain line, the teacher's
    audio of both, the chain's audio of both).
    """
    voice, line, plain, *audios = job
    if line.endswith("?"):
        first, second, third, fourth = map(ending, audios)
        return {"end": (first / second, third / fourth)}
    (token,) = expression.read(line).emphasised
    places = [place(said, token, voice) for said in (line, plain)]
    words = [word(audios[k], audios[k % 2], *places[k % 2]) for k in range(4)]
    lengths = [heard(audio) for audio in audios]
    rows = {"pitch": [x for x, _ in words], "word": [n for _, n in words], "length": lengths}
    return {name: (by(a, b), by(c, d)) for name, (a, b, c, d) in rows.items()}


def by(one, other):
    """Their ratio; NaN by nothing."""
    return one / other if other else float("nan")


def measure(jobs, taught, spoken, cores):
    """{voice: figures} of the recordings of ``plan``'s jobs: for each of RATIOS the median
    [teacher, chain], and under "risen" what share of the questions is above RISEN; None where
    nothing could be measured.
    """
    both = [
        (jobs[k][0], jobs[k][1], jobs[k + 1][1], *taught[k : k + 2], *spoken[k : k + 2])
        for k in range(0, len(jobs), 2)
    ]
    with multiprocessing.get_context("fork").Pool(cores) as pool:
        found = pool.map(ratios, both, chunksize=2)
    out = {}
    for voice in dict.fromkeys(voice for voice, *_ in both):
        mine = [f for f, job in zip(found, both, strict=True) if job[0] == voice]
        rows = {name: np.array([f[name] for f in mine if name in f]) for name in RATIOS}
        out[voice] = {
            name: [_known(middle(row[np.isfinite(row[:, k]), k])) for k in (0, 1)]
            for name, row in rows.items()
        }
        out[voice]["risen"] = (rows["end"] > RISEN).mean(0).tolist()
    return out


def _known(value):
    return value if np.isfinite(value) else None


def table(figures):
    """The figures as a Markdown table, teacher / chain in each cell."""
    head = ["", *RATIOS.values(), f"questions above {RISEN}"]
    out = ["| " + " | ".join(head) + " |", "| --- " * len(head) + "|"]
    for voice, part in figures.items():
        cells = [" / ".join("-" if x is None else f"{x:.2f}" for x in part[r]) for r in RATIOS]
        cells.append(" / ".join(f"{100 * share:.0f} %" for share in part["risen"]))
        out.append(f"| {voice} | " + " | ".join(cells) + " |")
    return "\n".join(out)
