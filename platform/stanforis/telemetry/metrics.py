"""Prometheus metrics of one process, or of all API processes together."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
    values,
)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(slots=True)
class _Sharing:
    """How the processes of this installation share their counts; prometheus_client keeps this for a whole process.

    Attributes:
        folder: where the counts are; None when there is one process.
        slot: this process's number.
    """

    folder: Path | None = None
    slot: int = -1


_sharing = _Sharing()


def share(folder: Path) -> None:
    """Count together with the processes that will be forked from this one, by files in the empty *folder*."""
    _sharing.folder = folder
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    values.ValueClass = values.MultiProcessValue(lambda: _sharing.slot)  # type: ignore[no-untyped-call] # its signature


def take_slot(slot: int) -> None:
    """Count as process number *slot* from now on; whoever replaces a dead process takes its number."""
    _sharing.slot = slot


class Metrics:
    """Counts and times requests.

    The label sets that were seen are kept, since looking one up by name costs more than counting.
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        """Count for this process alone, or, after :func:`share`, together with the others."""
        self._registry = CollectorRegistry()
        labels = ("route", "method", "status")
        self._requests = Counter("stanforis_http_requests", "Requests answered.", labels, registry=self._registry)
        self._seconds = Histogram(
            "stanforis_http_request_seconds",
            "Time from a request's head to the end of its answer.",
            ("route", "method"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._profiles = Counter(
            "stanforis_profile_checks",
            "Resources checked against the profiles they declare.",
            ("outcome",),
            registry=self._registry,
        )
        self._kept: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def observe_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request.

        Args:
            route: the route's template, such as ``/{type}/{id}``; never the path itself, which would be endless.
            method: HTTP method.
            status: HTTP status.
            seconds: from the request's head to the end of the answer.
        """
        kept = self._kept.get((route, method, status))
        if kept is None:
            kept = self._keep(route, method, status)
        counter, histogram = kept
        counter.inc()
        histogram.observe(seconds)

    def observe_profiles(self, outcome: str) -> None:
        """Count one resource that was checked against the profiles it declares: ``conforms | warned | refused``."""
        self._profiles.labels(outcome).inc()

    def render(self) -> bytes:
        """Return the counts of all processes in Prometheus's text format (media type :attr:`content_type`)."""
        if _sharing.folder is None:
            return generate_latest(self._registry)
        everyone = CollectorRegistry()
        multiprocess.MultiProcessCollector(everyone, str(_sharing.folder))  # type: ignore[no-untyped-call] # its signature
        return generate_latest(everyone)

    def _keep(self, route: str, method: str, status: int) -> tuple[Counter, Histogram]:
        # A client may send any word as method; only HTTP's own become labels.
        label = method if method in _METHODS else "other"
        kept = self._requests.labels(route, label, str(status)), self._seconds.labels(route, label)
        if label == method:
            self._kept[route, method, status] = kept
        return kept
