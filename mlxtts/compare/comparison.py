"""Takes beside the first of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mlxtts.api.speech import Speech
from mlxtts.compare.measures import Difference, at_seams, clicks, difference
from mlxtts.compare.takes import METHODS, Recording, Take, record, warm
from mlxtts.engine.fidelity import Fidelity, Reading
from mlxtts.errors import ModelError, TextError
from mlxtts.hub import Access

EQUAL = 1e-6  # what sums in another order may differ by


@dataclass
class Result:
    """A take and what is to be said of it.

    difference: from the baseline, if it has the baseline's rate.
    clicks: samples at which there are some; seams: how many of them are where two chunks meet.
    fidelity: of its model to the baseline's, if that was measured.
    """

    name: str
    recording: Recording
    difference: Difference | None
    clicks: list[int]
    seams: int
    fidelity: Fidelity | None = None

    @property
    def take(self) -> Take:
        return self.recording.take

    @property
    def slug(self) -> str:
        """The name as a part of a file's."""
        return re.sub(r"[^\w.=]+", "-", self.name).strip("-.")

    @property
    def real_time_factor(self) -> float:
        """Seconds of work for a second of sound."""
        return self.recording.times[-1] / self.recording.seconds

    @property
    def verdict(self) -> str:
        """How it differs from the baseline, in few words."""
        if self.difference is None:
            return "another rate"
        if self.difference.longer:
            return "other speech"
        if self.difference.snr is None:
            return "the same, bit for bit"
        if self.difference.largest <= EQUAL:
            return f"the same to {self.difference.largest:.1e}"
        return f"SNR {self.difference.snr:.1f} dB"

    @property
    def description(self) -> str:
        return METHODS[self.take.method]

    def report(self) -> dict[str, Any]:
        """For JSON."""
        r, d = self.recording, self.difference
        return {
            "name": self.name,
            "settings": asdict(self.take),
            "seconds": round(r.seconds, 4),
            "same": bool(d and d.same),
            "largest_difference": d and d.largest,
            "snr_db": round(d.snr, 2) if d and d.snr is not None else None,
            "clicks_at_seams": self.seams,
            "clicks_elsewhere": len(self.clicks) - self.seams,
            "chunks": len(r.seams),
            "first_byte": round(r.times[0], 4),
            "audible": None if r.meter.audible is None else round(r.meter.audible, 4),
            "real_time_factor": round(self.real_time_factor, 4),
            "buffer_needed": round(r.meter.wait, 4),
            "peak_db": round(r.meter.peak, 2),
            "clipped": r.meter.clipped,
            "fidelity": self.fidelity and asdict(self.fidelity),
        }


def read(data: Iterable[bytes]) -> str:
    """The text of a stream. Raises TextError if it is not UTF-8 or there is none."""
    try:
        text = b"".join(data).decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise TextError("not UTF-8") from None
    if not text:
        raise TextError("no text")
    return text


def compare(
    takes: Mapping[str, Take], text: str, load: Callable[[str], Speech], told: Callable[[str], None]
) -> list[Result]:
    """Record the takes, on one model after another. `told` gets the name of each that is done."""
    recordings: dict[str, Recording] = {}
    for model in dict.fromkeys(take.model for take in takes.values()):
        mine = {name: take for name, take in takes.items() if take.model == model}
        speech = load(model)
        warm(next(iter(mine.values())), speech)
        for name, take in mine.items():
            recordings[name] = record(take, speech, text)
            told(name)
    baseline = recordings[next(iter(takes))]
    return [_judge(name, recordings[name], baseline) for name in takes]


def judge_models(results: list[Result], text: str, access: Access) -> None:
    """Measure how near the other models are to the baseline's, where they have the same codes."""
    base = results[0].take.model
    found: dict[str, Fidelity | None] = {base: None}
    for result in results:
        model = result.take.model
        if model not in found:
            try:
                found[model] = Reading(base, text, access).compare(model, access)
            except ModelError:
                found[model] = None
        result.fidelity = found[model]


def _judge(name: str, recording: Recording, baseline: Recording) -> Result:
    alike = recording.rate == baseline.rate
    places = clicks(recording.sound, recording.rate)
    return Result(
        name,
        recording,
        difference(recording.sound, baseline.sound) if alike else None,
        places,
        at_seams(places, recording.seams[1:], recording.rate),
    )
