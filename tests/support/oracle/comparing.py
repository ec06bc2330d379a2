"""A store's answers beside the oracle's."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple, cast
from zoneinfo import ZoneInfo

import orjson

from fhir_api.model.keys import ResourceKey
from fhir_api.model.resource import body, parse
from fhir_api.model.versions import Change
from fhir_api.search.code_sets import CodeSets
from fhir_api.search.compartments import compartment_clause
from fhir_api.search.extract.extractor import Extractor
from fhir_api.search.parse import parse_query
from fhir_api.search.query import Query, Total
from fhir_api.store.port import Expect, TenantStore, Write
from fhir_api.terminology import Terminology
from tests.support.oracle import tokens
from tests.support.oracle.answer import Oracle, Question
from tests.support.oracle.asking import Asker
from tests.support.oracle.definitions import Tree
from tests.support.stores import DEFINITIONS

MOST = 1000


class _Concept(NamedTuple):
    system: str
    code: str


class _Expansion(NamedTuple):
    concepts: list[_Concept]
    obstacles: tuple[str, ...] = ()


class _CodeSystem(NamedTuple):
    system: str
    is_listed: bool = True

    def ancestors(self, code: str) -> list[str]:
        return tokens.lineage(self.system, code)[1:]

    def descendants(self, code: str) -> list[str]:
        return tokens.below(self.system, code)[1:]


class _Terminology:
    """What the oracle knows of codes, as the server asks for it."""

    def expand(self, value_set: str, _most: int) -> _Expansion:
        return _Expansion([_Concept(*member) for member in sorted(tokens.MEMBERS[value_set])])

    def code_system(self, system: str) -> _CodeSystem:
        return _CodeSystem(system)


CODES = CodeSets(cast("Terminology", _Terminology()))


class Comparison:
    """Resources in a store and in an oracle.

    Attributes:
        oracle: what is right.
        asked: how many questions were asked.
    """

    def __init__(self, store: TenantStore, resources: list[Tree], zone: ZoneInfo) -> None:
        self.oracle = Oracle(resources, zone)
        self.asked = 0
        self._store = store
        self._zone = zone
        self._extractor = Extractor(DEFINITIONS, zone)

    async def fill(self) -> None:
        """Store the resources."""
        await self._store.write([self._write(tree) for tree in self.oracle.resources.values()])

    def _write(self, tree: Tree) -> Write:
        resource = parse(orjson.dumps(tree))
        key = ResourceKey(resource.resource_type, tree["id"])
        return Write(key, Change.CREATE, body(resource, key), self._extractor.extract(resource), Expect.ANYTHING)

    def questions(self, count: int, chance: random.Random) -> Iterator[Question]:
        """Yield questions about the resources."""
        asker = Asker(self.oracle, chance)
        return (asker.question() for _ in range(count))

    async def difference(self, question: Question) -> str | None:
        """Return in what the store's answer differs from the oracle's; None where it does not."""
        page = await self._store.search(self._query(question))
        expected = self.oracle.answer(question)
        found = [str(version.key) for version in page.matches]
        self.asked += 1
        if len(found) == len(set(found)) == page.total and set(found) == expected:
            return None
        wrong = sorted(set(found) ^ expected)
        named = f"{question}: too many {sorted(set(found) - expected)}, missing {sorted(expected - set(found))}"
        return f"{named}, total {page.total}: {[self.oracle.resources[key] for key in wrong]}"

    def _query(self, question: Question) -> Query:
        pairs = (*question.pairs, ("_total", "accurate"), ("_count", str(MOST)))
        query = parse_query(
            DEFINITIONS, question.types, pairs, zone=self._zone, base_url="http://server/fhir", codes=CODES
        ).query
        if not question.compartment:
            return query
        kind, _, logical_id = question.compartment.partition("/")
        inside = compartment_clause(DEFINITIONS, kind, logical_id, question.types)
        return Query(query.resource_types, (inside, *query.clauses), count=MOST, total=Total.ACCURATE)
