"""Figures of destinations, and lines of the log when one does not get its messages."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client import generate_latest

from adapters.hl7.operation.destination_watch import PATIENCE_SECONDS, DestinationWatch
from adapters.hl7.operation.figures import Figures
from adapters.hl7.outbound.destinations import Destination, destinations
from adapters.hl7.outbound.looking import Standing
from adapters.hl7.outbound.queue import Mode
from tests.adapters.hl7.operation.conftest import NoQueues

NOW = 1_800_000_000_000
STUCK = Standing(
    "north/RIS", waiting=3, oldest_at=NOW - 1000 * (PATIENCE_SECONDS + 1), trouble="no connection: TimeoutError", dead=2
)


class Queues(NoQueues):
    """Queues that stand as they are told."""

    def __init__(self) -> None:
        self.standing = STUCK

    async def standings(self, _tenant: int) -> list[Standing]:
        return [self.standing]


@pytest.fixture
def destination(tmp_path) -> Destination:
    (tmp_path / "north").mkdir()
    (tmp_path / "north" / "site.yaml").write_text(
        "name: north\ndestinations: [{name: RIS, host: ris, port: 1, messages: [ADT_A05]}]\n"
    )
    return destinations(tmp_path)[0]


async def test_who_does_not_get_messages_is_told_once_and_so_is_the_end_of_it(destination, caplog):
    caplog.set_level("INFO", "stanforis.hl7.destinations")
    queues, figures = Queues(), Figures()
    watch = DestinationWatch(queues, figures, lambda: NOW)
    watch.know([destination])
    await watch.look()
    await watch.look()
    assert [record.getMessage() for record in caplog.records] == [
        "north/RIS does not get its messages: 3 wait, the oldest for 301 seconds: no connection: TimeoutError"
    ]
    shown = generate_latest(figures.registry).decode()
    assert 'stanforis_hl7_destination_waiting{destination="north/RIS",tenant="1"} 3.0' in shown
    assert 'stanforis_hl7_destination_lag_seconds{destination="north/RIS",tenant="1"} 301.0' in shown
    assert 'stanforis_hl7_destination_dead_letters{destination="north/RIS",tenant="1"} 2.0' in shown
    queues.standing = Standing("north/RIS", answered_at=NOW)
    await watch.look()
    assert caplog.records[-1].getMessage() == "north/RIS gets its messages again"


@pytest.mark.parametrize(
    "standing", [replace(STUCK, oldest_at=NOW), replace(STUCK, trouble=""), replace(STUCK, mode=Mode.PAUSED)]
)
async def test_who_waits_a_moment_or_was_paused_is_in_no_trouble(destination, caplog, standing):
    queues, figures = Queues(), Figures()
    queues.standing = standing
    watch = DestinationWatch(queues, figures, lambda: NOW)
    watch.know([destination])
    await watch.look()
    assert caplog.records == []
    stopped = b'stanforis_hl7_destination_stopped{destination="north/RIS",tenant="1"} 1.0'
    assert (stopped in generate_latest(figures.registry)) == (standing.mode is Mode.PAUSED)
