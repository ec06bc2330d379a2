"""Lists of many values are handed over in the database's own form; searches and their plans are the same."""

from __future__ import annotations

from fhir_api.store.explaining import Explaining
from fhir_api.store.postgres.store import PostgresStores
from tests.support.stores import query, write
from tests.support.tenants import new_tenant

_MANY = 200


async def test_any_of_many_is_found_and_explained(stores: PostgresStores) -> None:
    tenant = stores.for_tenant(new_tenant())
    trees = [
        {"resourceType": "Patient", "id": f"p{number}", "identifier": [{"system": "urn:s", "value": str(number)}]}
        for number in range(3)
    ]
    await tenant.write([write(tree) for tree in trees])
    asked = query(f"Patient?identifier={','.join(f'urn:s|{number}' for number in range(1, _MANY))}")
    assert {version.key.logical_id for version in (await tenant.search(asked)).matches} == {"p1", "p2"}
    assert isinstance(tenant, Explaining)
    statements = await tenant.explain(asked)
    assert any("Patient.identifier" in use.parameters for each in statements for use in each.served)
