"""Clients that write without pause and remember what was acknowledged to them."""

from __future__ import annotations

import http.client
import itertools
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import urlsplit

import orjson

TRANSACTION_SIZE = 6
IDENTIFIERS = "urn:durability"


@dataclass(slots=True)
class Ledger:
    """What the clients know.

    Attributes:
        versions: for each ``Type/id`` the acknowledged versions, with the value each was written with.
        transactions: names of the transactions that were acknowledged.
        attempted: names of all transactions that were sent.
        faults: answers that a client must never get.
        numbers: for naming writers.
    """

    versions: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    transactions: set[str] = field(default_factory=set)
    attempted: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def writes(self) -> int:
        """Return how many versions were acknowledged."""
        return sum(map(len, list(self.versions.values())))


class Writer(threading.Thread):
    """Creates, updates and sends transactions, one request after another, until it is told to stop."""

    def __init__(self, base: str, number: int, ledger: Ledger) -> None:
        super().__init__(daemon=True)
        self._base = urlsplit(base)
        self._name = f"writer-{number}"
        self._chance = Random(number)  # noqa: S311 - a repeatable course, not a secret
        self._ledger = ledger
        self._stopping = threading.Event()
        self._connection: http.client.HTTPConnection | None = None
        self._turn = 0

    def run(self) -> None:
        while not self._stopping.is_set():
            self._turn += 1
            try:
                self._chance.choice((self._create, self._update, self._update, self._transact))()
            except (OSError, http.client.HTTPException):
                # killed in between: whether it was done is not known, and both are right
                self._close()
                self._stopping.wait(0.02)
        self._close()

    def stop(self) -> None:
        """End after the request in flight."""
        self._stopping.set()
        self.join(30)
        assert not self.is_alive()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _create(self) -> None:
        status, headers, _ = self._send("POST", "/Basic", _basic(None, self._turn, self._name))
        if status == 201:
            _, resource_type, logical_id, _, version = headers["Location"].rsplit("/", 4)
            self._ledger.versions[f"{resource_type}/{logical_id}"][int(version)] = self._turn

    def _update(self) -> None:
        logical_id = f"{self._name}-{self._chance.randrange(3)}"
        status, headers, _ = self._send("PUT", f"/Basic/{logical_id}", _basic(logical_id, self._turn, self._name))
        if status in (200, 201):
            version = int(headers["ETag"].removeprefix('W/"').removesuffix('"'))
            self._ledger.versions[f"Basic/{logical_id}"][version] = self._turn

    def _transact(self) -> None:
        """Create several resources under one name, and change one that exists."""
        name = f"{self._name}-{self._turn}"
        logical_id = f"{self._name}-shared"
        entries = [
            {"resource": _basic(None, self._turn, name), "request": {"method": "POST", "url": "Basic"}}
            for _ in range(TRANSACTION_SIZE)
        ]
        entries.append(
            {
                "resource": _basic(logical_id, self._turn, self._name),
                "request": {"method": "PUT", "url": f"Basic/{logical_id}"},
            }
        )
        self._ledger.attempted.add(name)
        status, _, answer = self._send("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
        if status != 200:
            return
        self._ledger.transactions.add(name)
        for entry in orjson.loads(answer)["entry"]:
            resource_type, logical_id, _, version = entry["response"]["location"].rsplit("/", 3)
            self._ledger.versions[f"{resource_type.rpartition('/')[2]}/{logical_id}"][int(version)] = self._turn

    def _send(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, http.client.HTTPMessage, bytes]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(str(self._base.hostname), self._base.port, timeout=20)
        headers = {"Content-Type": "application/fhir+json", "Prefer": "return=minimal"}
        self._connection.request(method, self._base.path + path, orjson.dumps(body), headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status not in (200, 201, 503):
            self._ledger.faults.append(f"{method} {path or '/'}: {answer.status} {content[:300]!r}")
        if answer.status == 503:
            if "Retry-After" not in answer.headers:
                self._ledger.faults.append(f"{method} {path or '/'}: 503 without Retry-After")
            self._stopping.wait(0.05)
        return answer.status, answer.headers, content


def _basic(logical_id: str | None, value: int, name: str) -> dict[str, Any]:
    """Return a small resource that says which turn wrote it and can be found by *name*."""
    resource: dict[str, Any] = {"resourceType": "Basic"}
    if logical_id is not None:
        resource["id"] = logical_id
    resource["identifier"] = [{"system": IDENTIFIERS, "value": name}]
    resource["code"] = {"text": f"turn {value}"}
    return resource
