"""Figures of each sender and destination for Prometheus: what comes, what becomes of it, what waits.

None tells of a patient.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from adapters.hl7.outbound.looking import Standing as DestinationStanding
from adapters.hl7.outbound.queue import Mode
from adapters.hl7.store.looking import Standing
from adapters.hl7.store.port import State

_LABELS = ("tenant", "sender")


class Figures:
    """Counts of the HL7 process; after :func:`stanforis.telemetry.metrics.share` part of ``/metrics``.

    Attributes:
        registry: of this process alone.
    """

    def __init__(self) -> None:
        """Begin to count."""
        self.registry = CollectorRegistry()
        self._received = self._counter("received", "Messages that came, those that were refused too.")
        self._acknowledged = self._counter("acknowledged", "Messages that are in safe storage, and were answered so.")
        self._worked_on = Counter(
            "stanforis_hl7_worked_on",
            "What became of messages that were worked on; received: to be tried again.",
            (*_LABELS, "state"),
            registry=self.registry,
        )
        self._waiting = self._gauge("waiting", "Messages that are not worked on yet.")
        self._parked = self._gauge("parked", "Messages that wait for people.")
        self._dead = self._gauge("dead_letters", "Messages that nothing could be made of.")
        self._lag = self._gauge("lag_seconds", "How long the oldest message that is not worked on yet has waited.")
        self._last = self._gauge("last_seen_timestamp_seconds", "When the newest message came.")
        self._silent = self._gauge("silent", "1 where nothing came for longer than is expected of the sender.")
        self._to_send = self._destination("waiting", "Messages that are not acknowledged yet.")
        self._to_send_lag = self._destination("lag_seconds", "How long the oldest message that waits has waited.")
        self._sent_dead = self._destination("dead_letters", "Messages that nothing more is done with by itself.")
        self._withdrawn = self._destination("withdrawn", "Messages not to be seen any more when they were to be sent.")
        self._answered = self._destination("answered_timestamp_seconds", "When one was acknowledged last.")
        self._stopped = self._destination("stopped", "1 while a person has paused or drains the destination.")
        self._sites_refused = Gauge(
            "stanforis_hl7_sites_refused",
            "1 while files of sites cannot be used and those of before count.",
            registry=self.registry,
            multiprocess_mode="mostrecent",
        )

    def came(self, tenant: int, sender: str, *, is_stored: bool) -> None:
        """Count a message of a sender."""
        self._received.labels(tenant, sender).inc()
        if is_stored:
            self._acknowledged.labels(tenant, sender).inc()

    def worked_on(self, tenant: int, sender: str, state: State) -> None:
        """Count what became of a message."""
        self._worked_on.labels(tenant, sender, state.value).inc()

    def stands(self, tenant: int, standing: Standing, now: int) -> None:
        """Show how a sender stands; *now* in milliseconds since 1970."""
        labels = (tenant, standing.sender)
        self._waiting.labels(*labels).set(standing.waiting)
        self._parked.labels(*labels).set(standing.parked)
        self._dead.labels(*labels).set(standing.dead)
        oldest = now if standing.oldest_at is None else standing.oldest_at
        self._lag.labels(*labels).set(max(0, now - oldest) / 1000)
        self._last.labels(*labels).set(standing.last_at / 1000)

    def destination_stands(self, tenant: int, standing: DestinationStanding, now: int) -> None:
        """Show how a destination stands; *now* in milliseconds since 1970."""
        labels = (tenant, standing.destination)
        oldest = now if standing.oldest_at is None else standing.oldest_at
        self._to_send.labels(*labels).set(standing.waiting)
        self._to_send_lag.labels(*labels).set(max(0, now - oldest) / 1000)
        self._sent_dead.labels(*labels).set(standing.dead)
        self._withdrawn.labels(*labels).set(standing.withdrawn)
        self._answered.labels(*labels).set((standing.answered_at or 0) / 1000)
        self._stopped.labels(*labels).set(standing.mode is not Mode.RUNS)

    def silent(self, tenant: int, sender: str, *, is_silent: bool) -> None:
        """Show whether a sender is silent."""
        self._silent.labels(tenant, sender).set(is_silent)

    def sites_refused(self, *, is_refused: bool) -> None:
        """Show whether files of sites cannot be used."""
        self._sites_refused.set(is_refused)

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(f"stanforis_hl7_{name}", text, _LABELS, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"stanforis_hl7_{name}", text, _LABELS, registry=self.registry, multiprocess_mode="mostrecent")

    def _destination(self, name: str, text: str) -> Gauge:
        names = ("tenant", "destination")
        name = f"stanforis_hl7_destination_{name}"
        return Gauge(name, text, names, registry=self.registry, multiprocess_mode="mostrecent")
