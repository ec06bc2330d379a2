"""A tenant's definitions: what is asked of the store, and what is answered from memory."""

from __future__ import annotations

import pytest

from fhir_api.interactions.consulting import Consultation, TenantDefinitions, mentioned
from fhir_api.interactions.library import MOST_ABSENT, TenantLibrary
from fhir_api.model.errors import ErrorKind, FhirError
from fhir_api.packages.core import core_library
from fhir_api.packages.library import NotAtHandError
from fhir_api.search.parse import criteria
from fhir_api.store.memory.store import MemoryStore
from tests.support.packages import profile
from tests.support.stores import DEFINITIONS, update, write

URL = "http://a.example/StructureDefinition/p"


class Counting(MemoryStore):
    """A store that counts its searches."""

    def __init__(self) -> None:
        super().__init__()
        self.searches = 0

    async def search(self, query):
        self.searches += 1
        return await super().search(query)


@pytest.fixture
def store() -> Counting:
    return Counting()


@pytest.fixture
def definitions() -> TenantDefinitions:
    return TenantDefinitions(core_library(), lambda name, query: criteria(DEFINITIONS, name, query))


async def found(consultation: Consultation, canonical: str = URL, resource_type: str = "StructureDefinition"):
    definition = await consultation.settle(lambda library: library.find(resource_type, canonical))
    return None if definition is None else definition.get("version")


async def test_what_is_absent_is_asked_for_once(store, definitions):
    for _ in range(3):
        assert await found(definitions.consult(store)) is None
    assert store.searches == 1


async def test_definitions_of_r4_are_not_asked_for(store, definitions):
    consultation = definitions.consult(store)
    assert await found(consultation, "http://hl7.org/fhir/StructureDefinition/Patient") == "4.0.1"
    assert store.searches == 0


async def test_nobody_changes_the_meaning_of_r4(store, definitions):
    patient = "http://hl7.org/fhir/StructureDefinition/Patient"
    await store.write([write(profile("p", "99", url=patient))])
    assert await found(definitions.consult(store), patient) == "4.0.1"
    assert await found(definitions.consult(store), f"{patient}|99") == "99"


async def test_what_a_definition_builds_on_comes_with_it_in_one_search_a_step(store, definitions):
    above = [profile(name, baseDefinition=f"http://a.example/StructureDefinition/{name}x") for name in ("p", "px")]
    await store.write([write(each) for each in (*above, profile("pxx"))])
    consultation = definitions.consult(store)
    assert await found(consultation) == "1.0.0"
    assert store.searches == 3
    assert await found(consultation, "http://a.example/StructureDefinition/pxx") == "1.0.0"
    assert store.searches == 3


@pytest.mark.parametrize(
    ("versions", "newest"),
    [
        (["1.0.0", "1.10.0", "1.9.0"], "1.10.0"),
        (["2.0.0-draft", "1.0.0", "2.0.0"], "2.0.0"),
        (["1.0.0", "3.0.0 retired"], "1.0.0"),
        (["2018-08-12", "2019-01-01"], "2019-01-01"),
    ],
)
async def test_of_several_versions_the_newest_answers(store, definitions, versions, newest):
    for number, told in enumerate(versions):
        version, _, status = told.partition(" ")
        await store.write([write(profile(f"p{number}", version, url=URL, status=status or "active"))])
    assert await found(definitions.consult(store)) == newest
    assert await found(definitions.consult(store), f"{URL}|{versions[0]}") == versions[0]
    assert await found(definitions.consult(store), f"{URL}|7") is None


async def test_a_change_is_seen_by_the_next_request_and_not_in_the_middle_of_one(store, definitions):
    await store.write([write(profile())])
    consultation = definitions.consult(store)
    assert await found(consultation) == "1.0.0"
    await store.write([update(profile(version="1.0.1"))])
    assert await found(consultation) == "1.0.0"
    assert await found(definitions.consult(store)) == "1.0.1"


async def test_a_url_that_nothing_can_have_is_not_known(store, definitions):
    for url in ("", "http://a.example/\0", "a,b|c\\$"):
        assert await found(definitions.consult(store), url) is None


async def test_a_check_that_asks_for_ever_more_is_ended(store, definitions):
    asked = iter(range(10_000))

    def check(library: TenantLibrary) -> None:
        library.find("ValueSet", f"http://a.example/{next(asked)}")

    with pytest.raises(FhirError) as refused:
        await definitions.consult(store).settle(check)
    assert refused.value.kind is ErrorKind.TOO_COSTLY


def test_canonicals_that_lead_nowhere_do_not_fill_memory():
    library = TenantLibrary(core_library())
    library.learn("StructureDefinition", URL, [profile()])
    for number in range(MOST_ABSENT + 1):
        library.learn("ValueSet", f"http://a.example/{number}", [])
    assert len(library._known) <= 2
    assert library.find("StructureDefinition", URL) is not None
    with pytest.raises(NotAtHandError):
        library.find("ValueSet", "http://a.example/1")


@pytest.mark.parametrize(
    ("version", "found"),
    [
        ("1.2.7", "1.2.7"),
        ("1.2", "1.2.10"),
        ("1", "1.10.0"),
        ("1.1", "1.1"),
        ("1.", None),
        ("1.2.1", None),
        ("2", None),
    ],
)
def test_the_beginning_of_a_version_finds_the_newest(version, found):
    library = TenantLibrary(core_library())
    versions = ["1.2.7", "1.10.0", "1.2.10", "1.1", "1.1.5"]
    library.learn("StructureDefinition", URL, [{**profile(), "version": each} for each in versions])
    definition = library.find("StructureDefinition", f"{URL}|{version}")
    assert (definition and definition["version"]) == found


def test_what_is_made_of_a_library_is_made_once():
    library = TenantLibrary(core_library())
    made: list[TenantLibrary] = []

    def make(given: TenantLibrary) -> int:
        made.append(given)
        return len(made)

    assert [library.made(make), library.made(make)] == [1, 1]


def test_what_definitions_mention():
    value_set = {
        "resourceType": "ValueSet",
        "compose": {
            "include": [{"system": "http://a.example/cs", "valueSet": ["http://a.example/vs|2"]}],
            "exclude": [{"system": "http://a.example/no"}],
        },
    }
    assert set(mentioned(value_set)) == {
        ("CodeSystem", "http://a.example/cs"),
        ("CodeSystem", "http://a.example/no"),
        ("ValueSet", "http://a.example/vs"),
    }
