"""The results of a comparison as one HTML page that needs nothing beside it."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from pathlib import Path
from string import Template

import numpy as np

from mlxtts.api.speech import Array
from mlxtts.audio import wav
from mlxtts.compare import pictures
from mlxtts.compare.comparison import Result
from mlxtts.compare.measures import STEP
from mlxtts.compare.pictures import COLUMNS, HEIGHT

LINES = ("#2f6f8f", "#c2452d", "#2b7a4b", "#8a5a12", "#7a4fa3", "#b0457f", "#5f7d1f", "#4a5a9a")
MARKS = 8  # on an axis, about
KEYS = 9  # of a keyboard, that stand for takes
ROOM = 1.02  # beside what is drawn, for the width of its line


def render(results: list[Result], text: str, machine: str) -> str:
    """The page. `machine`: what the times were measured on, in a line."""
    take = results[0].take
    longest = max(result.recording.seconds for result in results)
    sections = [_section(n, result, results[0], longest) for n, result in enumerate(results)]
    return Template((Path(__file__).with_name("page.html")).read_text("utf-8")).substitute(
        title=escape(text[:60]),
        text=escape(text),
        facts=escape(f"{take.model}, voice {take.voice or 'default'}, seed {take.seed}"),
        summary=_summary(results),
        rows="\n".join(_row(n, result) for n, result in enumerate(results)),
        delivery=_delivery(results),
        legend="".join(
            f'<span><i style="background:{_colour(n)}"></i>{escape(result.name)}</span>'
            for n, result in enumerate(results)
        ),
        takes="\n".join(sections),
        last=min(len(results), KEYS),
        step=f"{STEP:g}",
        machine=escape(machine),
    )


def wav_file(sound: Array, rate: int, subtype: str = "FLOAT") -> bytes:
    """A whole WAV file; as floats it is what was made, to the bit."""
    within = sound if subtype == "FLOAT" else np.clip(sound, -1, 1)
    data = wav.pcm(within[:, None], subtype)
    return wav.header(rate, 1, subtype, len(data)) + data


def _summary(results: list[Result]) -> str:
    first = escape(results[0].name)
    groups: dict[str, list[str]] = {}
    for result in results[1:]:
        groups.setdefault(result.verdict, []).append(escape(result.name))
    said = [
        f"<b class='{'good' if verdict.startswith('the same') else ''}'>{', '.join(names)}: "
        f"{verdict}</b>"
        for verdict, names in groups.items()
    ]
    return f"Beside <b>{first}</b>: " + "; ".join(said) + "." if said else ""


def _row(number: int, result: Result) -> str:
    r = result.recording
    elsewhere = len(result.clicks) - result.seams
    clicks = f"{result.seams} + {elsewhere}"
    cells = [
        f'<span class="key">{number + 1}</span>'
        f'<a href="#take{number + 1}">{escape(result.name)}</a>',
        _beside(number, result),
        f'<span class="bad">{clicks}</span>' if result.seams else clicks,
        _number(r.times[0], 3),
        _number(r.meter.audible, 3),
        _number(result.real_time_factor, 3),
        f"{1000 * r.meter.wait:.0f}",
        str(len(r.seams)),
        _number(r.seconds, 2),
        _number(r.meter.peak, 1),
    ]
    return "<tr>" + "".join(f"<td>{cell}" for cell in cells)


def _beside(number: int, result: Result) -> str:
    if not number:
        return '<span class="soft">the baseline</span>'
    kind = "good" if result.verdict.startswith("the same") else ""
    more = ""
    if result.fidelity:
        more = f", {result.fidelity.divergence:.4f} nats a token"
    elif result.difference and result.difference.longer:
        more = f", {result.difference.longer / result.recording.rate:+.2f} s"
    return f'<span class="{kind}">{result.verdict}</span>{more}'


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _colour(number: int) -> str:
    return LINES[number % len(LINES)]


def _delivery(results: list[Result]) -> str:
    """Sound that has come over time, with axes in seconds."""
    width = ROOM * max(max(r.recording.times[-1] for r in results), 1e-3)
    height = ROOM * max(r.recording.seconds for r in results)

    def place(time: float, sound: float) -> str:
        return f"{COLUMNS * time / width:.5g} {HEIGHT * (1 - sound / height):.5g}"

    end = min(width, height)
    lines = [
        f'<path d="M{place(0, 0)}L{place(end, end)}" fill="none" stroke="currentColor"'
        ' stroke-dasharray="4 4" opacity=".5" vector-effect="non-scaling-stroke"/>'
    ]
    for n, result in enumerate(results):
        r = result.recording
        ends = [seam / r.rate for seam in [*r.seams[1:], len(r.sound)]]
        corners = [(0.0, 0.0), *pictures.steps(r.times, ends), (width, r.seconds)]
        path = "L".join(place(*corner) for corner in corners)
        lines.append(
            f'<path d="M{path}" fill="none" stroke="{_colour(n)}" stroke-width="2"'
            f' vector-effect="non-scaling-stroke"><title>{escape(result.name)}</title></path>'
        )
    across = "".join(
        _mark(f"left:calc(2.6rem + (100% - 2.6rem)*{at / width:.4f});translate:-50%;bottom:0", at)
        for at in _marks(width)
    )
    upward = "".join(
        _mark(f"left:0;top:calc((100% - 1.4rem)*{1 - at / height:.4f} - .7em)", at)
        for at in _marks(height)
    )
    return (
        f'<svg viewBox="0 0 {COLUMNS} {HEIGHT}" preserveAspectRatio="none">{"".join(lines)}</svg>'
        + across
        + upward
    )


def _mark(style: str, seconds: float) -> str:
    return f'<span class="label" style="{style}">{seconds:g} s</span>'


def _marks(length: float) -> list[float]:
    """Round numbers from 0 to below the length."""
    rough = length / MARKS
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(power * n for n in (1, 2, 5, 10) if power * n >= rough)
    return [round(float(n * step), 6) for n in range(int(length / step) + 1)]


def _section(number: int, result: Result, baseline: Result, longest: float) -> str:
    r = result.recording
    name = escape(result.name)
    axis = "".join(
        f'<span style="left:{100 * at / r.seconds:.2f}%">{at:g}</span>' for at in _marks(r.seconds)
    )
    source = f"data:audio/wav;base64,{_embedded(r.sound, r.rate)}"
    return f"""<section class="take{"" if number else " on"}" id="take{number + 1}">
<header><h3><span class="key">{number + 1}</span>{name}</h3>
<span class="soft">{escape(result.description)}</span>
<span class="files soft">{_settings(result)}</span></header>
<div style="width:{100 * r.seconds / longest:.2f}%">
<div class="track"><span class="label">{_beside(number, result)}</span>
<svg class="wave" viewBox="0 0 {COLUMNS} {HEIGHT}" preserveAspectRatio="none">
<path class="seams" d="{pictures.ticks(r.seams[1:], len(r.sound))}"/>
<path class="sound" d="{pictures.waveform(r.sound)}"/>
<path class="clicks" d="{pictures.ticks(result.clicks, len(r.sound))}"/></svg>
<img class="gram" alt="spectrogram of {name}" src="data:image/png;base64,{_image(result)}">
{_difference(result, baseline)}<div class="head"></div></div>
<div class="axis">{axis}</div>
<audio controls preload="auto" aria-label="{name}" src="{source}"></audio>
</div></section>"""


def _settings(result: Result) -> str:
    """What was asked for beside the defaults."""
    take = result.take
    plain = type(take)(model=take.model, method=take.method)
    changed = {name: value for name, value in vars(take).items() if value != getattr(plain, name)}
    return escape(", ".join(f"{name} {value}" for name, value in changed.items()))


def _difference(result: Result, baseline: Result) -> str:
    """Its level over time, or that there is none; nothing beside another speech."""
    if result is baseline or result.difference is None:
        return ""
    if result.difference.same:
        return '<div class="none good">no difference in any bit</div>'
    if result.difference.longer:
        return ""
    error = result.recording.sound - baseline.recording.sound
    return (
        '<div class="none soft">difference, -140 to 0 dB</div>'
        f'<svg class="diff" viewBox="0 0 {COLUMNS} {HEIGHT}" preserveAspectRatio="none">'
        f'<path d="{pictures.level(error)}"/></svg>'
    )


def _embedded(sound: Array, rate: int) -> str:
    return b64encode(wav_file(sound, rate, "PCM_16")).decode()


def _image(result: Result) -> str:
    r = result.recording
    return b64encode(pictures.spectrogram(r.sound, r.rate)).decode()
