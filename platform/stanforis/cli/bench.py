"""``stanforis bench``: a quick look at how fast a running server is.

For figures to publish there are the benchmarks of the repository; this one tells whether an installation is well.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from http import HTTPStatus
from itertools import count

import orjson
from rich.console import Console
from rich.table import Table

from stanforis.cli.loading.client import Client, Headers, no_credentials
from stanforis.errors import OperatorError

_OBSERVATIONS = 200
_TAG = {"system": "urn:stanforis:bench", "code": "bench"}
_MARK = f"{_TAG['system']}|{_TAG['code']}"

Request = tuple[str, str, bytes | None]
"""Method, path and body."""


class BenchError(OperatorError):
    """The server did not answer as it has to."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One kind of request.

    Attributes:
        name: what was asked.
        requests: how many were answered.
        per_second: requests a second.
        p50_ms: half of them took at most this many milliseconds.
        p99_ms: 99 of 100 did.
    """

    name: str
    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float


def bench(
    base: str, *, seconds: float, connections: int, as_json: bool, credentials: Headers = no_credentials
) -> list[Measured]:
    """Measure the server at *base*, write the figures on standard output and return them.

    Args:
        base: FHIR base URL.
        seconds: how long each kind of request is sent.
        connections: requests at a time.
        as_json: write JSON.
        credentials: headers that tell the server who asks.

    Raises:
        ServerUnreachableError, AccessRefusedError, BenchError: there is no server, or it refuses what it has to take.
    """
    client = Client(base, credentials)
    client.require_server()
    client.require_access()
    _prepare(client)
    kinds = _kinds().items()
    results = [_measure(lambda: Client(base, credentials), name, make, seconds, connections) for name, make in kinds]
    _tell(results, as_json=as_json)
    return results


def _kinds() -> dict[str, Callable[[int], Request]]:
    body = orjson.dumps(_observation(None))
    return {
        "read": lambda n: ("GET", f"/Observation/bench-{n % _OBSERVATIONS}", None),
        "search by id of the subject": lambda _: ("GET", "/Observation?subject=Patient/bench&_count=20", None),
        "search by code": lambda _: ("GET", "/Observation?code=http://loinc.org|8867-4&_count=20", None),
        "create": lambda _: ("POST", "/Observation", body),
        "update": lambda n: ("PUT", f"/Observation/bench-{n % _OBSERVATIONS}", _changed(n)),
    }


def _observation(number: int | None, value: int = 72) -> dict[str, object]:
    observation: dict[str, object] = {
        "resourceType": "Observation",
        "meta": {"tag": [_TAG]},
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": "Patient/bench"},
        "effectiveDateTime": "2026-01-01T08:00:00Z",
        "valueQuantity": {"value": value, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
    }
    return observation if number is None else observation | {"id": f"bench-{number}"}


def _changed(number: int) -> bytes:
    return orjson.dumps(_observation(number % _OBSERVATIONS, value=40 + number % 100))


def _prepare(client: Client) -> None:
    resources: list[dict[str, object]] = [{"resourceType": "Patient", "id": "bench", "meta": {"tag": [_TAG]}}]
    resources += [_observation(number) for number in range(_OBSERVATIONS)]
    entries = [
        {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
        for each in resources
    ]
    answer = client.request(
        "POST", "", orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    )
    if answer.status != HTTPStatus.OK:
        raise BenchError(f"The server answers {answer.status} to a transaction of {len(entries)} resources.")


def _measure(
    connect: Callable[[], Client], name: str, make: Callable[[int], Request], seconds: float, connections: int
) -> Measured:
    numbers = count()
    deadline = time.monotonic() + seconds

    def send() -> list[float]:
        client, taken = connect(), []
        while (started := time.perf_counter()) and time.monotonic() < deadline:
            answer = client.request(*make(next(numbers)))
            if answer.status >= HTTPStatus.BAD_REQUEST or not answer.status:
                raise BenchError(f"The server answers {answer.status} to {name}.")
            taken.append(time.perf_counter() - started)
        client.close()
        return taken

    with ThreadPoolExecutor(connections) as threads:
        senders = [threads.submit(send) for _ in range(connections)]
        taken = sorted(each for sender in senders for each in sender.result())
    return Measured(
        name, len(taken), round(len(taken) / seconds, 1), _milliseconds(taken, 0.5), _milliseconds(taken, 0.99)
    )


def _milliseconds(taken: list[float], share: float) -> float:
    return round(1000 * taken[min(len(taken) - 1, int(share * len(taken)))], 2) if taken else 0.0


def _tell(results: list[Measured], *, as_json: bool) -> None:
    console = Console(soft_wrap=True)
    if as_json:
        console.out(orjson.dumps([asdict(each) for each in results]).decode(), highlight=False)
        return
    table = Table("request", "answered", "per second", "p50 ms", "p99 ms")
    for each in results:
        table.add_row(
            each.name, f"{each.requests:,}", f"{each.per_second:,.0f}", f"{each.p50_ms:.1f}", f"{each.p99_ms:.1f}"
        )
    console.print(table)
    console.print(
        "The client is Python and shares the machine: compare with earlier runs here, not with other servers."
    )
    console.print(f"It left resources tagged {_MARK} behind; DELETE /Observation?_tag={_MARK} removes them.")
