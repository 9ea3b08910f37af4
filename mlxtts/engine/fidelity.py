"""How near a model is to the one that it was made from.

The original speaks a text. Then both are asked, at each code of that speech, what they expect: the
measure is the Kullback-Leibler divergence of the answers. So it does not matter that two models
which draw but one code differently go on to say the same in other words.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlxtts import hub
from mlxtts.engine.request import Request
from mlxtts.engine.speaker import Speaker
from mlxtts.errors import ModelError
from mlxtts.nn import mx
from mlxtts.text.lines import Utterance
from mlxtts.text.samples import sample
from mlxtts.wire.tokens import Codes

SEED = 0


@dataclass(frozen=True)
class Fidelity:
    """divergence: of the model from the original, in nats, the mean over the tokens.
    agreement: the share of tokens at which both find the same value likeliest.
    tokens: how many they were."""

    divergence: float
    agreement: float
    tokens: int


@dataclass(frozen=True)
class Passage:
    """A segment and the frames in which it was spoken."""

    text: str
    voice: str
    frames: list[tuple[int, ...] | str]


class Reading:
    """A text that the model `name` is to read; by default one in its language.

    Raises what Speaker and Speaker.request raise, before weights are loaded.
    """

    def __init__(
        self, name: str, text: str | None = None, access: hub.Access = hub.DEFAULT
    ) -> None:
        self._name = name, access
        speaker = Speaker(name, access)
        text = sample(speaker.config.languages[0]) if text is None else text
        self._request = speaker.request(Utterance("1", text), seed=SEED)

    def compare(self, name: str, access: hub.Access = hub.DEFAULT) -> Fidelity:
        """Read it, and ask the model `name`. The two are never in memory at once. Raises ModelError
        if that speaks other codes."""
        passages, expected = _read(Speaker(*self._name), self._request)
        return _compare(expected, _expect(Speaker(name, access), passages))


def _read(speaker: Speaker, request: Request) -> tuple[list[Passage], list[mx.array]]:
    passages: list[Passage] = []
    engine = speaker.load()
    engine.add(request)
    for record in engine.run():
        if isinstance(record, Codes):
            if record.text is not None:
                passages.append(Passage(record.text, request.voice, []))
            passages[-1].frames.append(record.codes)
    return passages, _expect(speaker, passages)


def _expect(speaker: Speaker, passages: list[Passage]) -> list[mx.array]:
    groups = [
        group
        for passage in passages
        for group in speaker.model.expectations(passage.text, passage.voice, passage.frames)
    ]
    mx.eval(groups)
    return groups


def _compare(expected: list[mx.array], found: list[mx.array]) -> Fidelity:
    divergence = agreement = 0.0
    tokens = sum(len(group) for group in expected)
    if [group.shape for group in expected] != [group.shape for group in found]:
        raise ModelError("the models do not speak the same codes")
    for p, q in zip(expected, found, strict=True):
        divergence += float(mx.sum(mx.exp(p) * (p - q)))
        agreement += float(mx.sum(mx.argmax(p, axis=-1) == mx.argmax(q, axis=-1)))
    return Fidelity(divergence / max(tokens, 1), agreement / max(tokens, 1), tokens)
