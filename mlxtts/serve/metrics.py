"""What a server counts, in the form that Prometheus reads."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)

disable_created_metrics()

SECONDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30)


class Metrics:
    """`gauges`: functions that tell a number as it is now, by the names and what they are."""

    def __init__(self, gauges: dict[tuple[str, str], Callable[[], float]]) -> None:
        self.registry = r = CollectorRegistry()
        for (name, about), value in gauges.items():
            Gauge(f"mlxtts_{name}", about, registry=r).set_function(value)
        self.started = Counter("mlxtts_streams_started", "Streams begun.", registry=r)
        self.completed = Counter("mlxtts_streams_completed", "Streams sent whole.", registry=r)
        self.cancelled = Counter(
            "mlxtts_streams_cancelled", "Streams stopped, replaced or left.", registry=r
        )
        self.errors = Counter("mlxtts_errors", "Errors told to clients.", ["code"], registry=r)
        self.sound = Counter("mlxtts_sound_seconds", "Sound made.", registry=r)
        self.first_sound = Histogram(
            "mlxtts_time_to_first_audio_seconds",
            "From a start message to its first sound.",
            registry=r,
            buckets=SECONDS,
        )
