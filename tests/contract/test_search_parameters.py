"""Search parameters that a tenant defines: registered, built while others write, live, removed."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest

from fhir_api.search.definitions import SearchDefinitions
from fhir_api.search.parse import parse_query
from fhir_api.search.tenant import OwnDefinitions, TenantSearchDefinitions
from fhir_api.store.port import TenantStore
from tests.support.stores import DEFINITIONS, Tree, deletion, update, write

NICKNAME = "Patient.name.where(use = 'nickname').given"


def search_parameter(logical_id: str, kind: str = "string", base: str = "Patient", **elements: Any) -> Tree:
    return {
        "resourceType": "SearchParameter",
        "id": logical_id,
        "url": f"http://example.org/SearchParameter/{logical_id}",
        "name": logical_id.title().replace("-", ""),
        "status": "active",
        "description": "For tests.",
        "code": logical_id,
        "base": [base],
        "type": kind,
        "expression": NICKNAME,
    } | elements


def patient(logical_id: str, nickname: str | None = None, **elements: Any) -> Tree:
    names = [{"family": "Mukamana"}, *([{"use": "nickname", "given": [nickname]}] if nickname else [])]
    return {"resourceType": "Patient", "id": logical_id, "name": names} | elements


async def settled(store: TenantStore) -> None:
    """Do all that is due."""
    while await store.look_after(1) is not None:
        pass


async def definitions(store: TenantStore) -> SearchDefinitions:
    live = [each.own for each in (await store.own_parameters()).parameters if each.is_live]
    return TenantSearchDefinitions(DEFINITIONS, OwnDefinitions(DEFINITIONS, live))


async def found(store: TenantStore, url: str) -> list[str]:
    """Return the ids of matches and of what comes along, in order."""
    resource_type, _, text = url.partition("?")
    known = await definitions(store)
    query = parse_query(known, (resource_type,), parse_qsl(text), base_url="http://server/fhir").query
    page = await store.search(query)
    return [version.key.logical_id for version in (*page.matches, *page.included)]


async def states(store: TenantStore) -> dict[str, str]:
    return {each.definition.code: each.state for each in (await store.own_parameters()).parameters}


async def test_a_tenant_without_parameters_has_nothing_to_do(store: TenantStore) -> None:
    await store.write([write(patient("a"))])
    assert await store.look_after() is None
    assert await store.own_parameters() == (0, (), ())


async def test_what_was_stored_before_and_what_is_stored_after_is_found(store: TenantStore) -> None:
    await store.write([write(patient("before", "Kiki")), write(patient("other"))])
    await store.write([write(search_parameter("nickname"))])
    await settled(store)
    assert await states(store) == {"nickname": "live"}
    await store.write([write(patient("after", "Kiki")), write(patient("toto", "Toto"))])
    assert sorted(await found(store, "Patient?nickname=kiki")) == ["after", "before"]


async def test_it_is_live_only_when_all_was_looked_at(store: TenantStore) -> None:
    await store.write([write(patient(f"p{number}", "Kiki")) for number in range(250)])
    await store.write([write(search_parameter("nickname"))])
    seen = set()
    while await store.look_after(1) is not None:
        parameters = await store.own_parameters()
        seen |= {(each.state, job.done, job.total) for each in parameters.parameters for job in parameters.jobs}
    assert {state for state, _, _ in seen} <= {"building"}
    assert await states(store) == {"nickname": "live"}
    assert len(await found(store, "Patient?nickname=kiki&_count=1000")) == 250
    (job,) = await store.reindex_jobs()
    assert (job.kind, job.state, job.done, job.total) == ("build", "done", 250, 250)


async def test_rows_follow_updates_and_deletes(store: TenantStore) -> None:
    await store.write([write(patient("a", "Kiki")), write(patient("b", "Kiki"))])
    await store.write([write(search_parameter("nickname"))])
    await settled(store)
    await store.write([update(patient("a", "Toto"))])
    await store.write([deletion("Patient/b")])
    assert await found(store, "Patient?nickname=kiki") == []
    assert await found(store, "Patient?nickname=toto") == ["a"]
    await store.write([update(patient("b", "Kiki"))])
    assert await found(store, "Patient?nickname=kiki") == ["b"]


async def test_writes_while_it_is_built_are_neither_lost_nor_doubled(store: TenantStore) -> None:
    await store.write([write(patient(f"p{number:03}", "Kiki")) for number in range(230)])
    await store.write([write(search_parameter("nickname"))])
    number = 0
    while await store.look_after(1) is not None:
        # one that was looked at already perhaps, one that was not perhaps, one that goes, one that is new
        await store.write([update(patient(f"p{number:03}", "Toto")), update(patient(f"p{229 - number:03}", "Toto"))])
        await store.write([deletion(f"Patient/p{100 + number:03}"), write(patient(f"n{number:03}", "Kiki"))])
        number += 1
    assert number > 1
    toto = {f"p{n:03}" for n in range(number)} | {f"p{229 - n:03}" for n in range(number)}
    gone = {f"p{100 + n:03}" for n in range(number)}
    kiki = ({f"p{n:03}" for n in range(230)} | {f"n{n:03}" for n in range(number)}) - toto - gone
    assert set(await found(store, "Patient?nickname=toto&_count=1000")) == toto
    assert set(await found(store, "Patient?nickname=kiki&_count=1000")) == kiki


async def test_one_that_is_retired_or_deleted_is_searched_by_no_longer(store: TenantStore) -> None:
    await store.write([write(search_parameter("nickname")), write(search_parameter("other", code="other"))])
    await settled(store)
    await store.write([update(search_parameter("nickname", status="retired"))])
    await store.write([deletion("SearchParameter/other")])
    assert not any(each.is_live for each in (await store.own_parameters()).parameters)
    await settled(store)
    assert await states(store) == {"nickname": "refused"}


async def test_a_changed_definition_is_built_anew(store: TenantStore) -> None:
    await store.write([write(patient("a", "Kiki"))])
    await store.write([write(search_parameter("nickname"))])
    await settled(store)
    await store.write([update(search_parameter("nickname", expression="Patient.name.family"))])
    assert not any(each.is_live for each in (await store.own_parameters()).parameters)
    await settled(store)
    assert await found(store, "Patient?nickname=kiki") == []
    assert await found(store, "Patient?nickname=muka") == ["a"]


async def test_a_change_of_words_alone_builds_nothing(store: TenantStore) -> None:
    await store.write([write(search_parameter("nickname"))])
    await settled(store)
    (before,) = (await store.own_parameters()).parameters
    await store.write([update(search_parameter("nickname", description="Better words."))])
    await settled(store)
    (after,) = (await store.own_parameters()).parameters
    assert (after.number, after.state, after.is_live) == (before.number, "live", True)


async def test_the_first_of_two_with_one_code_keeps_it(store: TenantStore) -> None:
    await store.write([write(search_parameter("nickname"))])
    await store.write([write(search_parameter("second", code="nickname"))])
    await settled(store)
    first, second = (await store.own_parameters()).parameters
    assert (first.state, second.state) == ("live", "refused")
    assert "another SearchParameter has the code 'nickname'" in second.reason


async def test_every_way_of_searching_knows_it(store: TenantStore) -> None:
    friend = {"url": "http://example.org/friend", "valueReference": {"reference": "Patient/b"}}
    score = {"url": "http://example.org/score", "valueInteger": 7}
    await store.write([
        write(patient("a", "Kiki", extension=[friend, score], gender="female")),
        write(patient("b", "Toto", gender="male")),
        write({"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"},
               "subject": {"reference": "Patient/a"}}),
    ])  # fmt: skip
    gender = "http://hl7.org/fhir/SearchParameter/individual-gender"
    await store.write([
        write(search_parameter("nickname")),
        write(search_parameter("friend", "reference", target=["Patient"],
                               expression="Patient.extension('http://example.org/friend').value")),
        write(search_parameter("score", "number",
                               expression="Patient.extension('http://example.org/score').value as integer")),
        write(search_parameter("gender-and-nickname", "composite", expression="Patient", component=[
            {"definition": gender, "expression": "gender"},
            {"definition": "http://example.org/SearchParameter/nickname",
             "expression": "name.where(use = 'nickname').given"}])),
    ])  # fmt: skip
    await settled(store)
    assert set((await states(store)).values()) == {"live"}
    assert await found(store, "Patient?score=gt5") == ["a"]
    assert await found(store, "Patient?friend=Patient/b") == ["a"]
    assert await found(store, "Patient?friend.nickname=toto") == ["a"]
    assert await found(store, "Patient?_has:Patient:friend:nickname=kiki") == ["b"]
    assert await found(store, "Patient?nickname=kiki&_include=Patient:friend") == ["a", "b"]
    assert await found(store, "Patient?nickname=toto&_revinclude=Patient:friend") == ["b", "a"]
    assert await found(store, "Patient?_sort=nickname") == ["a", "b"]
    assert await found(store, "Patient?_sort=-nickname") == ["b", "a"]
    assert await found(store, "Patient?score:missing=true") == ["b"]
    assert await found(store, "Patient?score:missing=false") == ["a"]
    assert await found(store, "Patient?nickname:exact=Kiki") == ["a"]
    assert await found(store, "Patient?gender-and-nickname=female$kiki") == ["a"]
    assert await found(store, "Observation?subject:Patient.nickname=kiki") == ["o"]


async def test_tenants_may_give_one_code_two_meanings(new_store: Any) -> None:
    one, other = new_store(), new_store()
    await one.write([write(patient("a", "Kiki")), write(search_parameter("nickname"))])
    await other.write([
        write(patient("a", "Kiki")), write(search_parameter("nickname", expression="Patient.name.family"))
    ])  # fmt: skip
    await settled(one)
    await settled(other)
    assert (await found(one, "Patient?nickname=kiki"), await found(one, "Patient?nickname=muka")) == (["a"], [])
    assert (await found(other, "Patient?nickname=kiki"), await found(other, "Patient?nickname=muka")) == ([], ["a"])


async def test_an_expression_that_fails_on_a_resource_refuses_no_write(store: TenantStore) -> None:
    await store.write([write(search_parameter("only-family", expression="Patient.name.single().family"))])
    await settled(store)
    await store.write([write(patient("one")), write(patient("two", "Kiki"))])
    assert await found(store, "Patient?only-family=muka") == ["one"]


async def test_rebuilding_makes_the_rows_anew(store: TenantStore) -> None:
    await store.write([write(patient("a", "Kiki")), write(search_parameter("nickname"))])
    await settled(store)
    (before,) = (await store.own_parameters()).parameters
    number = await store.rebuild([before.number])
    await settled(store)
    (job,) = await store.reindex_jobs(number)
    assert (job.state, job.kind) == ("done", "build")
    assert await found(store, "Patient?nickname=kiki") == ["a"]


@pytest.mark.parametrize("types", [["Patient"], ["Observation", "Patient"]])
async def test_reindexing_types_keeps_every_answer(store: TenantStore, types: list[str]) -> None:
    await store.write([write(patient("a", "Kiki", gender="female")), write(search_parameter("nickname"))])
    await store.write([update(patient("a", "Toto", gender="male"))])
    await settled(store)
    number = await store.begin_reindex(types)
    await settled(store)
    (job,) = await store.reindex_jobs(number)
    assert (job.state, job.done, job.total) == ("done", 1, 1)
    assert await found(store, "Patient?nickname=toto&gender=male") == ["a"]
    assert await found(store, "Patient?gender=female") == []


async def test_reindexing_one_resource_tells_its_entries(store: TenantStore) -> None:
    tree = patient("a", "Kiki", gender="female")
    await store.write([write(tree), write(search_parameter("nickname"))])
    await settled(store)
    key = write(tree).key
    assert await store.reindex(key) > 3
    assert await store.reindex(write(patient("none")).key) == 0
    assert await found(store, "Patient?nickname=kiki&gender=female") == ["a"]
