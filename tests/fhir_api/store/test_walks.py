"""What a walk through pages costs, and when it is given up."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace
from stanforis.storage.embedded import ConnectionInfo

from fhir_api.model.errors import FhirError
from fhir_api.store.port import TenantStore
from fhir_api.store.postgres import migrations
from fhir_api.store.postgres.search import changed
from fhir_api.store.postgres.search.beginning import Beginning
from fhir_api.store.postgres.statement import Arguments
from tests.support.databases import stores_on
from tests.support.stores import Tree, query, update, write
from tests.support.tenants import new_tenant


@pytest.fixture
async def store(postgres: ConnectionInfo) -> AsyncIterator[TenantStore]:
    migrations.upgrade(postgres.owner_dsn)
    stores = await stores_on(postgres)
    tenant = stores.for_tenant(new_tenant())
    await tenant.write([write(patient(number)) for number in range(12)])
    yield tenant
    await stores.close()


def patient(number: int, **members: object) -> Tree:
    name = [{"family": f"F{number:02}"}]
    return {
        "resourceType": "Patient",
        "id": f"p{number}",
        "name": name,
        "birthDate": f"1980-01-{number + 1:02}",
        **members,
    }


def observation(number: int, **members: object) -> Tree:
    dated = {"effectiveDateTime": f"2020-01-{number + 1:02}"} if number % 3 else {}
    return (
        {"resourceType": "Observation", "id": f"o{number}", "status": "final", "code": {"text": "x"}} | dated | members
    )


@pytest.mark.parametrize("url", ["Patient?_sort=family", "Patient?family=f"])
async def test_a_walk_is_given_up_when_too_much_was_changed(
    store: TenantStore, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr(changed, "MOST", 3)
    wanted = replace(query(url), count=2)
    following = replace(wanted, cursor=(await store.search(wanted)).next_cursor)
    await store.write([update(patient(number, active=True)) for number in range(9, 12)])
    assert len((await store.search(following)).matches) == 2
    await store.write([update(patient(8, active=True))])
    with pytest.raises(FhirError) as refused:
        await store.search(following)
    assert refused.value.issues[0].code == "expired"


@pytest.mark.parametrize("sort", ["-_lastUpdated", "_lastUpdated", "-date", "date"])
async def test_orders_that_history_tells_have_no_such_bound(
    store: TenantStore, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    monkeypatch.setattr(changed, "MOST", 3)
    await store.write([write(observation(number)) for number in range(12)])
    wanted = replace(query(f"Observation?_sort={sort}"), count=2)
    page = await store.search(wanted)
    seen = [version.key.logical_id for version in page.matches]
    await store.write([update(observation(number, effectiveDateTime="1999")) for number in range(12)])
    while page.next_cursor is not None:
        page = await store.search(replace(wanted, cursor=page.next_cursor))
        seen += [version.key.logical_id for version in page.matches]
    assert sorted(seen) == sorted(f"o{number}" for number in range(12))


@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        ("10:20:11,15:0", Beginning(10, 20, (11, 15), 0)),
        ("10:10::12", Beginning(10, 10, (), 12)),
    ],
)
def test_the_beginning_of_a_walk_is_read(text: str, beginning: Beginning) -> None:
    assert Beginning.of(text) == beginning
    arguments = Arguments()
    assert "v.marker" in beginning.saw("v.marker", arguments)
    assert list(beginning.running) in arguments.values
