"""The layout of index rows: which rows there are, and how a row is found again."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from stanforis.storage.embedded import ConnectionInfo

from fhir_api.store.postgres import migrations
from fhir_api.store.postgres.encode import Codes, Encoder, IndexRows
from fhir_api.store.postgres.hashing import Hasher
from tests.support.stores import EXTRACTOR

HASHER = Hasher(1)


def rows(**more: Any) -> IndexRows:
    tree = {"resourceType": "Observation", "id": "o", "status": "final", "code": {"coding": [{"code": "c"}]}, **more}
    return Encoder(HASHER).rows(EXTRACTOR.extract_tree("Observation", tree), 1, Codes(set()))


def test_values_of_a_union_have_one_row_each() -> None:
    found = rows(valueQuantity={"value": 1, "code": "kg"}, component=[{"code": {"coding": [{"code": "d"}]}}])
    # status, code, component-code
    assert (len(found.token), len(found.quantity), len(found.composite)) == (3, 1, 1)


@pytest.mark.parametrize(
    ("subject", "hashes"),
    [
        ({"reference": "Patient/x"}, [HASHER.text("Patient/x")]),
        ({"reference": "Group/x"}, [HASHER.text("Group/x")]),
        ({"reference": "urn:uuid:1"}, [HASHER.text("urn:uuid:1")]),
        ({"reference": "urn:uuid:1", "type": "Patient"},
         [HASHER.text("urn:uuid:1"), HASHER.typed("Patient", "urn:uuid:1")]),
    ],
)  # fmt: skip
def test_a_reference_has_one_row_unless_its_text_does_not_tell_its_type(
    subject: dict[str, str], hashes: list[int]
) -> None:
    assert {row[1] for row in rows(subject=subject).reference} == set(hashes)


@pytest.mark.parametrize(("value", "date"), [("quantity_by_value", "quantity_pkey"),
                                             ("composite_by_value", "composite_by_date")])  # fmt: skip
def test_a_row_to_be_removed_is_found_by_its_resource(postgres: ConnectionInfo, value: str, date: str) -> None:
    # plans are kept, also those made on empty tables: there the planner takes the youngest of the indexes that serve
    migrations.upgrade(postgres.owner_dsn)
    with psycopg.connect(postgres.owner_dsn) as connection:
        row = connection.execute(f"SELECT 'fhir.{value}'::regclass::oid < 'fhir.{date}'::regclass::oid").fetchone()
    assert row == (True,)
