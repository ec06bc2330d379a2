"""The senders as an operator sees them: those of the files and those that sent something, and which are silent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.hl7.senders import Sender
from adapters.hl7.sites import senders
from adapters.hl7.store.looking import Standing
from adapters.hl7.store.port import MessageStore
from mappings.errors import MappingError

HOUR = 3_600_000
Known = Callable[[], Sequence[Sender]]
"""Gives the senders of the files, as they are now."""


def senders_in(folder: Path) -> Known:
    """Return what gives the senders of the files in *folder*; the last that could be used, while they cannot."""
    kept: list[Sender] = []

    def known() -> Sequence[Sender]:
        try:
            kept[:] = senders(folder)
        except MappingError:
            return tuple(kept)
        return tuple(kept)

    return known


@dataclass(frozen=True, slots=True)
class SenderView:
    """A sender.

    Attributes:
        name: ``site/sender``.
        application: MSH-3 that it is known by; None where no file names it any more.
        facility: the same for MSH-4.
        expected_seconds: it is silent when nothing came for so long; 0: nothing is expected.
        last_at: when its newest message came, milliseconds since 1970; None where none did.
        is_silent: whether it has been silent for too long.
        lag_seconds: how long its oldest message that is not worked on yet has waited.
        last_hour: messages of the last hour.
        waiting: messages that are not worked on yet.
        parked: messages that wait for people.
        dead: dead letters.
    """

    name: str
    application: str | None
    facility: str | None
    expected_seconds: int
    last_at: int | None
    is_silent: bool
    lag_seconds: float
    last_hour: int
    waiting: int
    parked: int
    dead: int


async def views(store: MessageStore, known: Sequence[Sender], now: int) -> list[SenderView]:
    """Return all senders of a tenant, by name."""
    standings = {each.sender: each for each in await store.standings(now - HOUR)}
    files = {each.name: each for each in known}
    return [_view(name, files.get(name), standings.get(name), now) for name in sorted(standings.keys() | files)]


def is_silent(expected_seconds: int, last_at: int | None, now: int) -> bool:
    """Tell whether a sender has been silent for too long; one that never sent anything is."""
    return bool(expected_seconds) and (last_at is None or now - last_at > expected_seconds * 1000)


def _view(name: str, sender: Sender | None, standing: Standing | None, now: int) -> SenderView:
    expected = sender.expected_seconds if sender is not None else 0
    stands = standing or Standing(name, 0, 0, 0, None, 0, 0)
    last_at = standing.last_at if standing is not None else None
    return SenderView(
        name,
        None if sender is None else sender.application,
        None if sender is None else sender.facility,
        expected,
        last_at,
        is_silent(expected, last_at, now),
        0.0 if stands.oldest_at is None else max(0, now - stands.oldest_at) / 1000,
        stands.recent,
        stands.waiting,
        stands.parked,
        stands.dead,
    )
