"""The Patients that messages mean, as the server has them: those of several messages are looked up by one search."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl, quote

from stanforis.storage.gathering import Gatherer, each_told, up_to

from adapters.hl7.applying.server import FhirServer, Json

_MOST = 16
_OK = 200

Token = tuple[str, str]
"""System and value of an identifier."""


class Patients:
    """Looks for the Patients of one tenant."""

    def __init__(self, server: FhirServer) -> None:
        self._server = server
        self._gatherer: Gatherer[Token, Json | None] = Gatherer(each_told(self._together), up_to(_MOST))

    async def one(self, criteria: str) -> Json | None:
        """Return the Patient that *criteria* mean (``identifier=urn:mrn|1``); None where it is none, or several."""
        token = _token(criteria)
        return await self._alone(criteria) if token is None else await self._gatherer.ask(token)

    async def _alone(self, criteria: str) -> Json | None:
        answer = await self._server.send("GET", f"Patient?{criteria}&_count=2")
        found: list[Json] = [entry["resource"] for entry in answer.resource.get("entry", [])]
        return found[0] if len(found) == 1 else None

    async def _together(self, tokens: Sequence[Token]) -> list[Json | None]:
        asked = list(dict.fromkeys(tokens))
        most = 2 * len(asked)
        answer = await self._server.send("GET", f"Patient?identifier={','.join(map(_written, asked))}&_count={most}")
        found: dict[Token, list[Json]] = {token: [] for token in asked}
        resources = [entry["resource"] for entry in answer.resource.get("entry", [])]
        for resource in resources:
            for token in _identifiers(resource) & found.keys():
                found[token].append(resource)
        if answer.status != _OK or len(resources) == most or sum(map(len, found.values())) < len(resources):
            # refused, more than were asked for, or alike by rules of the server's own: each is asked for by itself
            alone = {token: await self._alone(f"identifier={_written(token)}") for token in asked}
            return [alone[token] for token in tokens]
        return [found[token][0] if len(found[token]) == 1 else None for token in tokens]


def _token(criteria: str) -> Token | None:
    """Return the identifier that criteria name; None where they are others."""
    pairs = parse_qsl(criteria, keep_blank_values=True)
    if len(pairs) != 1 or pairs[0][0] != "identifier" or set(pairs[0][1]) & {",", "\\", "$"}:
        return None
    system, bar, value = pairs[0][1].partition("|")
    return (system, value) if bar and system and value and "|" not in value else None


def _written(token: Token) -> str:
    return quote("|".join(token), safe="")


def _identifiers(resource: Json) -> set[Token]:
    return {(each.get("system", ""), each.get("value", "")) for each in resource.get("identifier", [])}
