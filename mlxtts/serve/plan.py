"""What a start message asks for, in terms of the model that is there.

Nothing is ignored: what this model, or this server, cannot do is a ProtocolError.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from mlxtts import hub
from mlxtts.audio.smooth import Smooth
from mlxtts.codecs.utterance import Options
from mlxtts.engine import Request, Speaker
from mlxtts.errors import OptionError, UsageError, VoiceError
from mlxtts.serve.protocol import ProtocolError, Start

SAMPLING = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty")


@dataclass(frozen=True)
class Plan:
    """How a stream is to be spoken. `request` lacks only a text and an id; `pause` is between two,
    `crossfade` at the seams of frames; `effective` is what `stream_started` says."""

    request: Request
    options: Options
    pause: float
    crossfade: Smooth | None
    base64: bool
    effective: dict[str, Any]

    @property
    def rate(self) -> int:
        return int(self.effective["sample_rate"])


def make(speaker: Speaker, start: Start, model: str, voice: str | None) -> Plan:
    """`model` is what clients may call it, `voice` the one for those that name none."""
    if start.model_path is not None and not _same(start.model_path, model):
        raise ProtocolError("model", f"this server speaks with {model}")
    try:
        request = _request(speaker, start, voice)
    except VoiceError as error:
        raise ProtocolError("voice", str(error), voices=error.voices) from None
    except UsageError as error:
        more = {"option": error.option} if isinstance(error, OptionError) else {}
        raise ProtocolError("option", str(error), **more) from None
    return Plan(
        request=request,
        options=_options(start, speaker.config.frame_codes),
        pause=speaker.config.segment_pause,
        crossfade=_crossfade(start.crossfade_ms, speaker.config.sample_rate),
        base64=start.format == "base64",
        effective=_effective(speaker, start, request, model),
    )


def _same(one: str, other: str) -> bool:
    return (hub.repository(one) or one) == (hub.repository(other) or other)


def _request(speaker: Speaker, start: Start, voice: str | None) -> Request:
    name = speaker.header(voice if start.voice is None else start.voice, 0).voice
    return Request(
        id="",
        text="",
        segments=(),
        voice=name,
        sampling=speaker.sampling(**{name: getattr(start, name) for name in SAMPLING}),
        seed=start.seed or 0,
        max_frames=speaker.frames(start.max_tokens),
        extra=speaker.extra(name, start.speed),
    )


def _options(start: Start, frame: int) -> Options:
    if start.chunk_tokens and not frame:
        reason = "chunk_tokens: this model speaks no tokens"
        raise ProtocolError("option", reason, option="chunk_tokens")
    if start.chunk_tokens and start.chunk_tokens % frame:
        reason = f"chunk_tokens: must be a multiple of {frame}, the tokens of a frame"
        raise ProtocolError("option", reason, option="chunk_tokens")
    return Options(
        first=0 if start.ultra_low_latency else None,
        chunk_tokens=start.chunk_tokens,
        chunk_ms=start.output_chunk_duration_ms,
        respect_boundaries=start.respect_source_boundaries,
    )


def _crossfade(milliseconds: float, rate: int) -> Smooth | None:
    if not milliseconds:
        return None
    smooth = Smooth(milliseconds)
    smooth.start(rate, 1)
    return smooth


def _effective(speaker: Speaker, start: Start, request: Request, model: str) -> dict[str, Any]:
    frames = request.max_frames
    return {
        "model_path": model,
        "voice": request.voice,
        "sample_rate": speaker.config.sample_rate,
        "channels": 1,
        "format": start.format,
        "speed": start.speed or (1.0 if speaker.config.speeds else None),
        "seed": request.seed,
        **asdict(request.sampling),
        "max_tokens": frames and frames * speaker.config.frame_codes,
        "chunk_tokens": start.chunk_tokens,
        "ultra_low_latency": start.ultra_low_latency,
        "output_chunk_duration_ms": start.output_chunk_duration_ms,
        "respect_source_boundaries": start.respect_source_boundaries,
        "crossfade_ms": start.crossfade_ms,
    }
