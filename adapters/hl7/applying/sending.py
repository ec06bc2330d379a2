"""Transactions of messages of different lanes, sent as one where they come at once.

Each message keeps its own Bundle, its own Provenance and its own answer. What several of them say alike is sent once. A
request costs the server much the same whether it holds one message or ten. What it refuses is sent again message by
message, so that each is refused, or carried out, for its own sake.

Spec: https://hl7.org/fhir/R4/http.html#transaction
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from stanforis.storage.gathering import Gatherer, each_told, going_with

from adapters.hl7.applying.server import Answer, FhirServer, Json

MOST_MESSAGES = 16
MOST_ENTRIES = 200
SEND_SECONDS = 8.0
"""How long a transaction may take: it must not be under way still when others may work on its messages."""
_OK = 200
_BUSY = frozenset({429, 502, 503, 504})
"""Answers that say nothing of the content: they hold for all that was sent."""


class Part:
    """One message's transaction.

    Attributes:
        entries: of its Bundle.
        named: the entries by ``fullUrl``, and by the URL that each writes to.
    """

    def __init__(self, entries: Sequence[Json]) -> None:
        self.entries = entries
        self.named: dict[str, Json] = {}
        for entry in entries:
            if "fullUrl" in entry:
                self.named[entry["fullUrl"]] = entry
            if entry["request"]["method"] != "POST":
                self.named[entry["request"]["url"]] = entry


class Sending:
    """Sends the transactions of one tenant."""

    def __init__(self, server: FhirServer) -> None:
        self._server = server
        self._gatherer: Gatherer[Part, Answer] = Gatherer(each_told(self._together), going_with(fits))

    async def send(self, entries: Sequence[Json]) -> Answer:
        """Carry out a transaction; the answer is as if it had been sent alone."""
        return await self._gatherer.ask(Part(entries))

    async def _together(self, parts: Sequence[Part]) -> list[Answer]:
        async with asyncio.timeout(SEND_SECONDS):
            return await self._sent(parts)

    async def _sent(self, parts: Sequence[Part]) -> list[Answer]:
        entries, places = united(parts)
        answer = await self._send(entries)
        if answer.status == _OK:
            told = answer.resource["entry"]
            return [Answer(_OK, {"entry": [told[place] for place in each]}) for each in places]
        if len(parts) == 1 or answer.status in _BUSY:
            return [answer] * len(parts)
        return [await self._send(part.entries) for part in parts]

    async def _send(self, entries: Sequence[Json]) -> Answer:
        return await self._server.send("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})


def created(entry: Json) -> str | None:
    """Return the criteria of an entry that creates a resource where there is none; None for any other."""
    criteria: str | None = entry["request"].get("ifNoneExist")
    return criteria


def fits(chosen: Sequence[Part], part: Part) -> bool:
    """Tell whether a message may go with others: they are few, and what two of them write to they write alike."""
    if len(chosen) >= MOST_MESSAGES or sum(len(each.entries) for each in chosen) + len(part.entries) > MOST_ENTRIES:
        return False
    return all(
        _alike(other.named[name], part.named[name])
        for other in chosen
        for name in other.named.keys() & part.named.keys()
    )


def _alike(one: Json, other: Json) -> bool:
    criteria = created(one)
    return criteria == created(other) if criteria is not None else one == other


def united(parts: Sequence[Part]) -> tuple[list[Json], list[list[int]]]:
    """Return the entries of all parts, one of those that are alike, and for each part where its own are among them."""
    entries: list[Json] = []
    known: dict[str, int] = {}
    places: list[list[int]] = []
    for part in parts:
        places.append([])
        for entry in part.entries:
            place = known.setdefault(entry.get("fullUrl", entry["request"]["url"]), len(entries))
            if place == len(entries):
                entries.append(entry)
            places[-1].append(place)
    return entries, places
