"""Figures of senders, silence, and files of sites that are taken in without a restart."""

from __future__ import annotations

import logging
import os

import pytest
from prometheus_client import generate_latest

from adapters.hl7.mapping.plans import Plans
from adapters.hl7.operation.figures import Figures
from adapters.hl7.operation.reloading import Reloading
from adapters.hl7.operation.watching import Watch
from adapters.hl7.senders import Duplicates, Sender
from adapters.hl7.sites import senders
from adapters.hl7.store.memory import MemoryMessageStores
from adapters.hl7.store.port import Arrival, Settlement, State
from tests.support.certificates import certificate

REG = Sender("north/REG", expected_seconds=60)
NOW = 1_800_000_000_000


class Clock:
    now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def figures() -> Figures:
    return Figures()


@pytest.fixture
def stores() -> MemoryMessageStores:
    return MemoryMessageStores()


@pytest.fixture
def watch(stores, figures, clock) -> Watch:
    watch = Watch(stores, figures, clock)
    watch.know([REG])
    return watch


def shown(figures: Figures, name: str, **labels: str) -> float | None:
    return figures.registry.get_sample_value(f"stanforis_hl7_{name}", {"tenant": "1", "sender": REG.name} | labels)


async def put(stores, control_id: str, at: int) -> int:
    receipt = await stores.for_tenant(1).receive(
        Arrival(REG.name, control_id, "ADT^A01", "2.5", "ascii", control_id.encode(), b"", (1,), Duplicates.HOLD, at)
    )
    assert receipt.number is not None
    number: int = receipt.number
    return number


async def test_what_waits_of_each_sender(stores, figures, clock, watch):
    numbers = [await put(stores, name, NOW - 5000) for name in "ABC"]
    await stores.for_tenant(1).settle([Settlement(numbers[1], State.PARKED), Settlement(numbers[2], State.DEAD)])
    await watch.look()
    found = {name: shown(figures, name) for name in ("waiting", "parked", "dead_letters", "lag_seconds")}
    assert found == {"waiting": 1, "parked": 1, "dead_letters": 1, "lag_seconds": 5}
    assert shown(figures, "last_seen_timestamp_seconds") == (NOW - 5000) / 1000


def test_what_came_and_what_became_of_it(figures, watch):
    watch.heard(REG, is_stored=True)
    watch.heard(REG, is_stored=False)
    figures.worked_on(1, REG.name, State.MAPPED)
    assert (shown(figures, "received_total"), shown(figures, "acknowledged_total")) == (2, 1)
    assert shown(figures, "worked_on_total", state="mapped") == 1


async def test_a_silent_sender_is_told_once_and_when_it_is_heard_again(stores, figures, clock, watch, caplog):
    caplog.set_level(logging.INFO, "stanforis.hl7.senders")
    await put(stores, "A", NOW)
    clock.now += 60_000
    await watch.look()
    assert (shown(figures, "silent"), caplog.messages) == (0, [])
    clock.now += 1000
    await watch.look()
    await watch.look()
    told = "sender north/REG is silent: nothing for 61 seconds, expected every 60"
    assert (shown(figures, "silent"), caplog.messages) == (1, [told])
    watch.heard(REG, is_stored=False)
    await watch.look()
    assert (shown(figures, "silent"), caplog.messages[1:]) == (0, ["sender north/REG is heard again"])


async def test_a_sender_that_never_sent_anything_is_given_its_time(figures, clock, watch):
    await watch.look()
    assert shown(figures, "silent") == 0
    clock.now += 61_000
    await watch.look()
    assert shown(figures, "silent") == 1


async def test_nothing_is_expected_of_a_sender_without_an_interval(figures, clock, watch):
    watch.know([Sender(REG.name)])
    clock.now += 10**9
    await watch.look()
    assert shown(figures, "silent") == 0


SITE = "name: north\nsenders:\n  - name: REG\n    application: REG\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "north").mkdir()
    (tmp_path / "north" / "site.yaml").write_text(SITE)
    return tmp_path


class Known:
    def __init__(self, folder) -> None:
        self.senders = senders(folder)

        self.destinations: list[str] = []

    async def __call__(self, known, sent_to) -> None:
        self.senders = list(known)
        self.destinations = [each.name for each in sent_to]


async def test_changed_files_are_taken_in_or_refused_as_a_whole(folder, figures, caplog):
    known, plans = Known(folder), Plans(folder)
    reloading = Reloading(folder, plans, known, figures)
    assert not await reloading.look()
    (folder / "north" / "site.yaml").write_text(
        SITE + "  - name: LAB\n    application: LAB\n    expected_seconds: 60\n"
    )
    assert await reloading.look()
    assert [each.name for each in known.senders] == ["north/REG", "north/LAB"]
    assert known.senders[1].expected_seconds == 60
    before = plans.of("north/LAB")
    (folder / "north" / "site.yaml").write_text(SITE + "  - name: LAB\n    wrong: 1\n")
    assert not await reloading.look()
    assert [each.name for each in known.senders] == ["north/REG", "north/LAB"]
    assert plans.of("north/LAB") is before
    assert "north/site.yaml" in caplog.text
    assert b"stanforis_hl7_sites_refused 1.0" in generate_latest(figures.registry)


async def test_changed_destinations_are_taken_in_and_so_are_their_certificates(folder, figures):
    authority, _ = certificate(folder, "ris")
    known = Known(folder)
    reloading = Reloading(folder, Plans(folder), known, figures)
    (folder / "north" / "site.yaml").write_text(
        SITE + "destinations:\n  - {name: RIS, host: ris, port: 2575, messages: [ADT_A01], tls: true, "
        f"authorities: '{authority}'}}\n"
    )
    assert await reloading.look()
    assert known.destinations == ["north/RIS"]
    assert not await reloading.look()
    os.utime(authority, ns=(1, 1))
    assert await reloading.look()
