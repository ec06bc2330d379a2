"""Texts beside codes, and codes of what is contained: a resource has one row for the set of them."""

from __future__ import annotations

from typing import Any, Final

from fhir_api.store.postgres.encode import GATHERED, Codes, Encoder, IndexRows
from fhir_api.store.postgres.hashing import Hasher
from tests.support.stores import EXTRACTOR

_COVERAGE: Final = {"resourceType": "Coverage", "id": "c", "status": "active", "type": {"text": "Private"}}


def encoded(number: int, codes: Codes, **more: Any) -> IndexRows:
    tree = {"resourceType": "Observation", "id": "o", "status": "final", **more}
    return Encoder(Hasher(1)).rows(EXTRACTOR.extract_tree("Observation", tree), number, codes)


def sets(rows: IndexRows) -> list[Any]:
    return [row[1] for row in rows.token if row[0] == GATHERED]


def concept(code: str, text: str) -> dict[str, Any]:
    return {"coding": [{"code": code, "display": text}], "text": f"{text}, measured"}


def test_texts_are_one_row_beside_the_codes() -> None:
    rows = encoded(1, Codes(set()), code=concept("c", "Mass"), category=[concept("d", "Vital signs")])
    # status, code, category, and the set of four texts
    assert (len(rows.token), len(sets(rows))) == (4, 1)


def test_what_is_contained_joins_the_texts() -> None:
    alone = encoded(1, Codes(set()), code=concept("c", "Mass"))
    rows = encoded(1, Codes(set()), code=concept("c", "Mass"), contained=[_COVERAGE])
    # its id has a row of its own: where each is another one, each set would be as well
    assert len(rows.token) == len(alone.token) + 1
    assert len(sets(rows)) == 1
    assert sets(rows) != sets(alone)


def test_a_set_that_is_known_is_not_sent_again() -> None:
    codes = Codes(set())
    first = encoded(1, codes, code=concept("c", "Mass"))
    sent = len(codes.new)
    again = Codes(known=set(codes.new))
    second = encoded(2, again, code=concept("c", "Mass"))
    assert sent
    assert not again.new
    assert sets(first) == sets(second)
