"""What a machine hears: pocketsphinx (stock en-us) on all cores, and error rates against what was
to be said.

Knows nothing of models: 24 kHz audio in, words out. Cepstral means are taken for each utterance by
itself, so the same audio is heard the same whatever came before it.
"""

import multiprocessing
import os
import re

import numpy as np
import soxr

_decoder = None


def plain(text):
    """Lower-case words only, as they are compared."""
    return " ".join(re.sub(r"[^a-z' ]", "", text.lower().replace("-", " ")).split())


def hear(audio):
    """The words that pocketsphinx hears in audio (T,) at 24 kHz."""
    global _decoder
    if _decoder is None:
        from pocketsphinx import Config, Decoder

        _decoder = Decoder(Config(samprate=16000, loglevel="FATAL", cmn="batch"))
    wave = np.pad(soxr.resample(np.asarray(audio, np.float64), 24000, 16000), (1600, 1600))
    wave = wave / max(np.abs(wave).max(), 1e-3) * 0.6
    _decoder.start_utt()
    _decoder.process_raw((wave * 32767).astype(np.int16).tobytes(), full_utt=True)
    _decoder.end_utt()
    heard = _decoder.hyp()
    return plain(heard.hypstr) if heard else ""


def hear_each(audios, cores=None):
    """``hear`` for a list, in parallel, in order, as they come."""
    with multiprocessing.get_context("fork").Pool(cores or os.cpu_count()) as pool:
        yield from pool.imap(hear, audios, chunksize=2)


def hear_all(audios, cores=None):
    """The same as a list."""
    return list(hear_each(audios, cores))


def edits(wanted, got):
    """Fewest insertions, deletions and replacements that turn one sequence into the other."""
    row = list(range(len(got) + 1))
    for i, a in enumerate(wanted, 1):
        left, row[0] = row[0], i
        for j, b in enumerate(got, 1):
            left, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, left + (a != b))
    return row[-1]


def error_rates(texts, heard):
    """(character error rate, word error rate) over all pairs together."""
    pairs = [(plain(text), h) for text, h in zip(texts, heard, strict=True)]
    characters = sum(edits(t, h) for t, h in pairs) / max(1, sum(len(t) for t, _ in pairs))
    words = sum(edits(t.split(), h.split()) for t, h in pairs) / max(
        1, sum(len(t.split()) for t, _ in pairs)
    )
    return characters, words
