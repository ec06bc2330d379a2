"""What is frequent is found in other ways than what is rare; both ways find the same.

Spec: https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from fhir_api.store.explaining import Explaining
from fhir_api.store.port import TenantStore
from fhir_api.store.postgres.search import rarer, totals, walks
from tests.support.stores import query, write

UCUM = "http://unitsofmeasure.org"
PRESSURE = "Observation?component-code-value-quantity=http://loinc.org"


def observation(number: int) -> dict[str, Any]:
    height = {"value": 100 + number, "unit": "cm", "system": UCUM, "code": "cm" if number % 3 else "m"}
    parts = [
        {"code": _coded(code), "valueQuantity": {**height, "value": value, "unit": "mmHg", "code": "mm[Hg]"}}
        for code, value in (("8480-6", 110 + number), ("8480-6", 111 + number), ("8462-4", 70))
    ]
    return {
        "resourceType": "Observation",
        "id": f"o{number:02}",
        "status": "final" if number % 4 else "amended",
        "code": _coded("8302-2"),
        "effectiveDateTime": f"2020-01-{1 + number * 7 % 28:02}",
        "valueQuantity": height,
        "component": parts,
    }


def _coded(code: str) -> dict[str, Any]:
    return {"coding": [{"system": "http://loinc.org", "code": code}]}


@pytest.fixture(params=[1, 4, 1000])
async def filled(request: pytest.FixtureRequest, store: TenantStore, monkeypatch: pytest.MonkeyPatch) -> TenantStore:
    """40 observations, of which many is frequent, some, or nothing."""
    monkeypatch.setattr(walks, "MANY", request.param)
    monkeypatch.setattr(rarer, "TRIED", request.param)
    monkeypatch.setattr(rarer, "COUNTED", request.param + 1)
    await store.write([write(observation(number)) for number in range(40)])
    return store


async def walked(store: TenantStore, url: str) -> list[str]:
    page = await store.search(replace(query(url), count=3))
    found = [version.key.logical_id for version in page.matches]
    while page.next_cursor is not None:
        page = await store.search(replace(query(url), count=3, cursor=page.next_cursor))
        found += [version.key.logical_id for version in page.matches]
    return found


@pytest.mark.parametrize(
    ("url", "numbers"),
    [
        (f"Observation?value-quantity=gt120|{UCUM}|cm", range(40)),
        (f"Observation?value-quantity=gt120.5|{UCUM}|m", range(21, 40, 3)),
        ("Observation?value-quantity=ge120", range(20, 40)),
        ("Observation?value-quantity=ge120&status=amended", range(20, 40, 4)),
        ("Observation?value-quantity=ge120&date=2020-01-01", [20, 24, 28, 32, 36]),
        ("Observation?code=8302-2&value-quantity=ge120&status=amended", range(20, 40, 4)),
        ("Observation?code=8302-2&value-quantity=ge138", [38, 39]),
        ("Observation?code=8302-2&status=amended", range(0, 40, 4)),
        ("Observation?status=amended&code=8302-2", range(0, 40, 4)),
        ("Observation?status=amended,final&code=http://loinc.org|8302-2&value-quantity=lt103", [0, 1, 2]),
        ("Observation?status=amended,final&component-code=8462-4&date=2020-01-01", range(0, 40, 4)),
        ("Observation?status=final&code=none", []),
        ("Observation?status=final&value-quantity=lt104&_sort=-date", [1, 2, 3]),
        ("Observation?component-code=8462-4&status:not=final", range(0, 40, 4)),
        (f"{PRESSURE}|8480-6$gt140.5", range(30, 40)),
        (f"{PRESSURE}|8480-6$lt112", [0, 1]),
        (f"{PRESSURE}|8480-6$gt200", []),
        (f"{PRESSURE}|8480-6$gt140.5&status=amended", [32, 36]),
        (f"{PRESSURE}|8480-6$gt140.5&_sort=-date", range(30, 40)),
    ],
)
async def test_each_resource_comes_once_and_newest_first(
    filled: TenantStore, url: str, numbers: range | list[int]
) -> None:
    found = await walked(filled, url)
    expected = [number for number in numbers if _matches(url, number)]
    assert sorted(found) == sorted(f"o{number:02}" for number in expected)
    dates = [observation(int(name[1:]))["effectiveDateTime"] for name in found]
    assert dates == sorted(dates, reverse=True)


def _matches(url: str, number: int) -> bool:
    """Narrow the numbers by what the URL says of dates, and of units that stand for each other."""
    if "date=2020-01-01" in url:
        return number * 7 % 28 == 0
    if "|cm" in url:
        return number % 3 == 0 or number > 20
    return True


@pytest.mark.parametrize(
    ("url", "least", "most"),
    [
        ("Observation?status=final", 30, 30),
        ("Observation?status=final,http://hl7.org/fhir/observation-status|final", 30, 30),
        ("Observation?code=http://loinc.org|8302-2,8480-6", 40, 40),
        ("Observation?combo-code=8480-6,8462-4,8302-2", 40, 40),
        (f"Observation?value-quantity=gt130|{UCUM}|m", 3, 3),
    ],
)
@pytest.mark.parametrize("counted", [5, 1000])
async def test_an_estimate_is_exact_for_few_and_not_less_than_what_was_counted(
    store: TenantStore, monkeypatch: pytest.MonkeyPatch, url: str, least: int, most: int, counted: int
) -> None:
    await store.write([write(observation(number)) for number in range(40)])
    monkeypatch.setattr(totals, "COUNTED", counted)
    exact = (await store.search(query(f"{url}&_total=accurate"))).total
    assert exact is not None
    assert least <= exact <= most
    estimate = (await store.search(query(f"{url}&_total=estimate"))).total
    assert estimate == exact if exact < counted else estimate is not None and estimate >= counted


@pytest.mark.parametrize("new_store", ["postgres"], indirect=True)
async def test_the_statements_of_an_estimate_are_explained(store: TenantStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "COUNTED", 1)
    await store.write([write(observation(number)) for number in range(3)])
    assert isinstance(store, Explaining)
    statements = await store.explain(query("Observation?status=final&_total=estimate"))
    assert len(statements) == 2


async def test_many_identifiers_at_once_give_each_resource_once(store: TenantStore) -> None:
    systems = ("urn:a", "urn:b")
    await store.write([
        write({
            "resourceType": "Patient",
            "id": f"p{number:02}",
            "gender": "female" if number % 2 else "male",
            "identifier": [{"system": system, "value": str(number)} for system in systems],
        })
        for number in range(30)
    ])  # fmt: skip
    wanted = ",".join([*(f"{system}|{number}" for system in systems for number in range(25)), "urn:a|none", "7"])
    found = await walked(store, f"Patient?identifier={wanted}")
    assert sorted(found) == [f"p{number:02}" for number in range(25)]
    assert len(await walked(store, f"Patient?identifier={wanted}&gender=female")) == 12
    assert len(await walked(store, f"Patient?identifier={wanted},urn:b|")) == 30
