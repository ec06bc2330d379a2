"""Send one request and find out what became of each of its entries."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Self

import msgspec

from stanforis.cli.loading.bundles import Shipment
from stanforis.cli.loading.client import Client, Headers, no_credentials

_LOST = b"The connection broke; it is not known whether this was stored."


class _Response(msgspec.Struct):
    status: str
    outcome: msgspec.Raw = msgspec.Raw(b"")


class _Entry(msgspec.Struct):
    response: _Response


class _Bundle(msgspec.Struct):
    entry: list[_Entry] = []


_read_answer = msgspec.json.Decoder(_Bundle).decode


@dataclass(frozen=True, slots=True)
class Refusal:
    """Entries the server did not take.

    Attributes:
        place: where they stand in the file.
        status: HTTP status; 0 when there was none.
        said: the server's OperationOutcome, or a text of our own.
        entries: how many they are.
    """

    place: str
    status: int
    said: bytes
    entries: int = 1


@dataclass(slots=True)
class Result:
    """What became of one request's entries.

    Attributes:
        taken: how many the server took.
        created: how many of those were new to it.
        refusals: the others.
    """

    taken: int = 0
    created: int = 0
    refusals: list[Refusal] = field(default_factory=list)


class Sender:
    """Sends requests from several threads, each over a connection of its own."""

    def __init__(self, base: str, credentials: Headers = no_credentials) -> None:
        """Send to the FHIR server at *base*, which is told who asks by *credentials*."""
        self._base = base
        self._credentials = credentials
        self._of_thread = threading.local()
        self._clients: list[Client] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()

    def send(self, shipment: Shipment) -> Result:
        """Send *shipment* and return what became of it."""
        if shipment.bundle is None:
            return Result(refusals=[Refusal(shipment.places[0], 0, shipment.problem.encode())])
        client = self._client()
        answer = client.request("POST", "", shipment.bundle, repeatable=shipment.repeatable)
        if answer.status >= HTTPStatus.BAD_REQUEST and shipment.as_batch is not None:
            answer = client.request("POST", "", shipment.as_batch, repeatable=shipment.repeatable)
        if answer.status != HTTPStatus.OK:
            said = answer.body if answer.status else _LOST
            place = shipment.places[0] if len(shipment.places) == 1 else f"all {len(shipment.places)} entries"
            return Result(refusals=[Refusal(place, answer.status, said, len(shipment.places))])
        return _result(shipment, answer.body)

    def _client(self) -> Client:
        client: Client | None = getattr(self._of_thread, "client", None)
        if client is None:
            client = self._of_thread.client = Client(self._base, self._credentials)
            self._clients.append(client)
        return client


def _result(shipment: Shipment, body: bytes) -> Result:
    result = Result()
    for place, entry in zip(shipment.places, _read_answer(body).entry, strict=True):
        status = int(entry.response.status[:3])
        if status >= HTTPStatus.BAD_REQUEST:
            result.refusals.append(Refusal(place, status, bytes(entry.response.outcome)))
        else:
            result.taken += 1
            result.created += status == HTTPStatus.CREATED
    return result
