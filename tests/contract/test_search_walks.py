"""Walks through all pages while writers write: what is there all along comes exactly once, in every order.

Pages and writes take turns, drawn from a seed: nothing depends on time.

Spec: https://hl7.org/fhir/R4/http.html#paging
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random

import pytest
from msgspec.structs import replace

from fhir_api.model.errors import ErrorKind, FhirError
from fhir_api.model.versions import StoredVersion
from fhir_api.search.compartments import compartment_clause
from fhir_api.search.parse import parse_query
from fhir_api.search.query import Query
from fhir_api.search.tenant import OwnDefinitions, TenantSearchDefinitions
from fhir_api.store.port import HistoryQuery, TenantStore, Write
from fhir_api.store.postgres.search import along, presence, rarer, sorted_walks
from tests.support.stores import DEFINITIONS, Tree, deletion, query, update, write

SYSTEM = "http://codes"
FAMILIES = ["Abel", "Baker", "baker", "Cole", None]
DAYS = ["2020-01-01", "2020-01", "2021-05-05", "2022-07-07T10:00:00Z", None]
CODES = ["a", "b", "c"]

Turn = Callable[[], Awaitable[None]]


class Ward:
    """Patients and their observations, changed at random."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - draws tests, no secret
        self._made = 0
        self._gone: list[str] = []
        self.trees: dict[str, Tree] = {}

    def admit(self) -> Write:
        """Return a write that makes a resource."""
        self._made += 1
        kind = "Patient" if self._made % 4 == 1 else "Observation"
        tree = self._drawn({"resourceType": kind, "id": f"{kind[0].lower()}{self._made}"})
        self.trees[f"{kind}/{tree['id']}"] = tree
        return write(tree)

    def change(self) -> Write:
        """Return a write that makes, changes, deletes or brings back a resource."""
        turn = self._random.randrange(10)
        if turn == 0:
            return self.admit()
        if turn == 1 and self._gone:
            reference = self._gone.pop()
            kind, _, logical_id = reference.partition("/")
            self.trees[reference] = self._drawn({"resourceType": kind, "id": logical_id})
            return update(self.trees[reference])
        reference = self._random.choice(list(self.trees))
        if turn == 2:
            del self.trees[reference]
            self._gone.append(reference)
            return deletion(reference)
        self.trees[reference] = self._changed(self.trees[reference])
        return update(self.trees[reference])

    def _changed(self, tree: Tree) -> Tree:
        drawn = self._drawn({"resourceType": tree["resourceType"], "id": tree["id"]})
        name = self._random.choice(["language", *drawn])
        kept = {key: value for key, value in tree.items() if key != name}
        # "language" is in no index: nothing that is searched or sorted by changes
        return {**kept, "language": self._random.choice(["de", "en"]), **({name: drawn[name]} if name in drawn else {})}

    def _drawn(self, tree: Tree) -> Tree:
        chance = self._random
        if tree["resourceType"] == "Patient":
            family = chance.choice(FAMILIES)
            return {
                **tree,
                "gender": chance.choice(["male", "female"]),
                **({"name": [{"family": family}]} if family else {}),
            }
        day = chance.choice(DAYS)
        coding = {"system": SYSTEM, "code": chance.choice(CODES)}
        return {
            **tree,
            "status": chance.choice(["final", "amended"]),
            "code": {"coding": [coding]},
            "subject": {"reference": f"Patient/p{chance.choice([1, 5])}"},
            "valueQuantity": {"value": chance.randrange(4), "unit": "kg"},
            **({"effectiveDateTime": day} if day else {}),
        }


SEARCHES = [
    "Observation?",
    "Observation?_sort=-_lastUpdated",
    "Observation?_sort=_lastUpdated",
    "Observation?_sort=_id",
    "Observation?_sort=-date",
    "Observation?_sort=date",
    "Observation?_sort=code",
    "Observation?_sort=-code,date",
    "Observation?_sort=-value-quantity",
    "Observation?_sort=status,-_lastUpdated",
    "Observation?_sort=status,-_id",
    "Observation?_lastUpdated=gt2000",
    "Observation?status:not=amended",
    "Observation?code=a,b",
    "Observation?code=http://codes|a&_sort=-date",
    "Observation?code=a&_sort=-_lastUpdated",
    "Observation?patient=Patient/p1",
    "Observation?patient=Patient/p1&_sort=-date",
    "Observation?patient=Patient/p1,Patient/p5&_sort=code,date",
    "Observation?patient=Patient/p1&date=ge2020-01-01",
    "Observation?date=ge2020",
    "Observation?date=2020-01,2021",
    "Observation?value-quantity=gt1",
    "Observation?code-value-quantity=a$gt0",
    "Observation?code-value-quantity=a$gt0&_sort=-date",
    "Observation?value-quantity=gt1&_sort=-date",
    "Observation?_sort=subject,date",
    "Observation?_sort=-subject",
    "Observation?_sort=date,-code",
    "Observation?subject:Patient._has:Observation:patient:code=a",
    "Observation?_filter=code eq a or value-quantity gt 2",
    "Observation?patient.family=baker",
    "Observation?patient.gender=male&_sort=-date",
    "Observation?_id=o2,o3,o4,o6,o7,o8,o10,o11",
    "Observation?_id=o2,o3,o4,o6,o7,o8,o10,o11&_sort=-date",
    "Patient?",
    "Patient?_sort=family",
    "Patient?_sort=-family,gender",
    "Patient?_sort=-family",
    "Patient?gender=male&_sort=family",
    "Patient?family:missing=true",
    "Patient?family:missing=false&_sort=family",
    "Observation?date:missing=true",
    "Patient?family=b",
    "Patient?family:contains=a",
    "Patient?_has:Observation:patient:code=a",
    "Patient?_has:Observation:patient:code=a&_sort=-_lastUpdated",
    "Patient,Observation?",
    "Patient,Observation?_sort=-_lastUpdated",
    "?_sort=_lastUpdated",
    "?",
]


def reference_of(version: StoredVersion) -> str:
    return str(version.key)


async def walk(store: TenantStore, wanted: Query, turn: Turn) -> list[str]:
    """Return what all pages hold; between two of them is a *turn*."""
    seen: list[str] = []
    cursor: bytes | None = None
    while True:
        page = await store.search(replace(wanted, cursor=cursor))
        everything = await store.search(replace(wanted, cursor=cursor, count=1000))
        assert list(page.matches) == list(everything.matches)[: len(page.matches)]
        assert (page.next_cursor is not None) is (len(everything.matches) > len(page.matches))
        seen += map(reference_of, page.matches)
        cursor = page.next_cursor
        if cursor is None:
            return seen
        await turn()


async def all_of(store: TenantStore, wanted: Query) -> set[str]:
    page = await store.search(replace(wanted, count=1000, cursor=None))
    return set(map(reference_of, page.matches))


async def walk_while_writing(store: TenantStore, wanted: Query, seed: int) -> None:
    ward, chance = Ward(seed), Random(-seed - 1)  # noqa: S311 - draws tests, no secret
    await store.write([ward.admit() for _ in range(28)])
    for _ in range(10):
        await store.write([ward.change()])
    stayed = await all_of(store, wanted)
    ever = set(stayed)

    async def turn() -> None:
        nonlocal stayed
        for _ in range(chance.randrange(1, 9)):
            await store.write([ward.change()])
            now = await all_of(store, wanted)
            stayed &= now
            ever.update(now)

    seen = await walk(store, wanted, turn)
    assert len(seen) == len(set(seen)), "none comes twice"
    assert stayed <= set(seen), "what matched all along comes"
    assert set(seen) <= ever


@pytest.mark.parametrize("url", SEARCHES)
async def test_what_is_there_all_along_comes_exactly_once(new_store: Callable[[], TenantStore], url: str) -> None:
    for seed in range(3):
        await walk_while_writing(new_store(), replace(query(url), count=2 + seed % 2), seed)


@pytest.mark.nightly
@pytest.mark.parametrize("url", SEARCHES)
async def test_what_is_there_all_along_comes_exactly_once_in_many_walks(
    new_store: Callable[[], TenantStore], url: str
) -> None:
    for seed in range(10, 50):
        await walk_while_writing(new_store(), replace(query(url), count=1 + seed % 4), seed)


@pytest.mark.parametrize("url", ["Observation?patient.gender=male", "Observation?subject:Patient.family=baker&code=a"])
@pytest.mark.parametrize("bound", ["FEW_TARGETS", "MANY_TARGETS"])
async def test_walks_by_target_are_as_exact(
    new_store: Callable[[], TenantStore], monkeypatch: pytest.MonkeyPatch, url: str, bound: str
) -> None:
    monkeypatch.setattr(along, bound, 0)
    for seed in range(6):
        await walk_while_writing(new_store(), replace(query(url), count=1 + seed % 3), seed)


@pytest.mark.parametrize("url", ["Observation?status=final&code=a", "Observation?code=a,b&status=final,amended"])
@pytest.mark.parametrize("counted", [3, 1000])
async def test_walks_from_the_rarer_code_are_as_exact(
    new_store: Callable[[], TenantStore], monkeypatch: pytest.MonkeyPatch, url: str, counted: int
) -> None:
    monkeypatch.setattr(rarer, "TRIED", 2)
    monkeypatch.setattr(rarer, "COUNTED", counted)
    for seed in range(6):
        await walk_while_writing(new_store(), replace(query(url), count=1 + seed % 3), seed)


@pytest.mark.parametrize(
    "url",
    [
        "Patient?family:missing=true",
        "Patient?family:missing=false",
        "Observation?date:missing=true&status=final",
        "Observation?code:missing=false&_lastUpdated=gt2000",
        "Patient?gender=male&_sort=family",
        "Patient?gender=male&_sort=-family",
        "Observation?status=final,amended&_sort=date",
        "Observation?value-quantity=gt1&_sort=date",
        "Observation?date=ge2020&_sort=-date",
    ],
)
@pytest.mark.parametrize(("few", "tried", "many"), [(0, 3, 1000), (0, 2, 1), (0, 1000, 1)])
async def test_many_are_walked_as_exactly_as_few(
    new_store: Callable[[], TenantStore], monkeypatch: pytest.MonkeyPatch, url: str, few: int, tried: int, many: int
) -> None:
    monkeypatch.setattr(sorted_walks, "MANY", few)
    monkeypatch.setattr(presence, "FEW", few)
    monkeypatch.setattr(presence, "TRIED", tried)
    monkeypatch.setattr(presence, "MANY", many)
    for seed in range(3):
        await walk_while_writing(new_store(), replace(query(url), count=1 + seed % 3), seed)


@pytest.mark.parametrize("url", ["Observation?", "Observation?_sort=-date", "?", "Observation?_sort=code"])
async def test_a_compartment_is_walked_as_exactly(new_store: Callable[[], TenantStore], url: str) -> None:
    wanted = query(url)
    inside = compartment_clause(DEFINITIONS, "Patient", "p1", wanted.resource_types)
    for seed in range(3):
        await walk_while_writing(new_store(), replace(wanted, clauses=(*wanted.clauses, inside), count=2), seed)


@pytest.mark.parametrize(
    "url", ["Observation?_sort=-_lastUpdated", "Observation?_sort=-date", "Observation?_sort=code"]
)
async def test_what_is_committed_late_was_not_there_when_the_walk_began(store: TenantStore, url: str) -> None:
    ward = Ward(1)
    await store.write([ward.admit() for _ in range(28)])
    wanted = replace(query(url), count=3)
    before = await all_of(store, wanted)
    changed = [
        update({**tree, "effectiveDateTime": "2024-01-01"}) for name, tree in ward.trees.items() if name in before
    ]
    async with store.transaction() as transaction:
        await transaction.write(changed[:9])
        # others end between the writes of the transaction and its end
        await store.write(changed[9:12])
        first = await store.search(wanted)
    await store.write(changed[12:15])
    seen = [*map(reference_of, first.matches), *await rest(store, wanted, first.next_cursor)]
    assert len(seen) == len(set(seen))
    assert set(seen) == before


@pytest.mark.parametrize(
    "url", ["Observation?_sort=-_lastUpdated", "Observation?_sort=-date", "Observation?_sort=code"]
)
async def test_a_walk_that_a_transaction_began_has_what_it_wrote(store: TenantStore, url: str) -> None:
    ward, wanted = Ward(1), replace(query(url), count=3)
    await store.write([ward.admit() for _ in range(16)])
    async with store.transaction() as transaction:
        await transaction.write([ward.admit() for _ in range(4)])
        await transaction.write([update(ward.trees["Observation/o2"])])
        first = await transaction.search(wanted)
    seen = [*map(reference_of, first.matches), *await rest(store, wanted, first.next_cursor)]
    assert sorted(seen) == sorted(await all_of(store, wanted))


async def rest(store: TenantStore, wanted: Query, cursor: bytes | None) -> list[str]:
    """Return what the pages from *cursor* on hold."""
    seen: list[str] = []
    while cursor is not None:
        page = await store.search(replace(wanted, cursor=cursor))
        seen += map(reference_of, page.matches)
        cursor = page.next_cursor
    return seen


async def test_a_walk_ends_when_all_behind_it_is_deleted(store: TenantStore) -> None:
    ward, wanted = Ward(1), replace(query("Observation?_sort=-date"), count=3)
    await store.write([ward.admit() for _ in range(16)])
    first = await store.search(wanted)
    given = set(map(reference_of, first.matches))
    await store.write([deletion(name) for name in ward.trees if name not in given])
    page = await store.search(replace(wanted, cursor=first.next_cursor))
    assert (list(page.matches), page.next_cursor) == ([], None)


async def test_the_total_is_counted_anew_on_each_page(store: TenantStore) -> None:
    ward, wanted = Ward(1), replace(query("Observation?_sort=-date&_total=accurate"), count=3)
    await store.write([ward.admit() for _ in range(16)])
    first = await store.search(wanted)
    await store.write([deletion(reference_of(first.matches[0]))])
    assert ((await store.search(replace(wanted, cursor=first.next_cursor))).total, first.total) == (11, 12)


async def test_a_cursor_of_another_order_is_refused(store: TenantStore) -> None:
    ward = Ward(1)
    await store.write([ward.admit() for _ in range(16)])
    first = await store.search(query("Observation?_sort=-date&_count=3"))
    with pytest.raises(FhirError) as refused:
        await store.search(replace(query("Observation?_sort=code,date"), cursor=first.next_cursor))
    assert refused.value.kind is ErrorKind.MALFORMED


@pytest.mark.parametrize("url", ["Observation/o2", "Observation", ""])
async def test_each_version_of_a_history_comes_exactly_once(store: TenantStore, url: str) -> None:
    ward = Ward(7)
    await store.write([ward.admit() for _ in range(12)])
    for _ in range(30):
        await store.write([ward.change()])
        await store.write([update({**ward.trees.get("Observation/o2", ward.trees["Observation/o3"])})])
    kind, _, logical_id = url.partition("/")
    wanted = HistoryQuery(kind or None, logical_id or None, 4)
    before = [
        each_version(version)
        for version in (await store.history(HistoryQuery(kind or None, logical_id or None, 1000))).matches
    ]
    seen: list[str] = []
    page = await store.history(wanted)
    seen += map(each_version, page.matches)
    while page.next_cursor is not None:
        await store.write([ward.change()])
        page = await store.history(HistoryQuery(kind or None, logical_id or None, 4, cursor=page.next_cursor))
        seen += map(each_version, page.matches)
    assert seen == before


def each_version(version: StoredVersion) -> str:
    return f"{version.key}/{version.version_id}"


async def test_orders_of_a_tenants_own_parameter_are_walked_as_exactly(store: TenantStore) -> None:
    tree: Tree = {
        "resourceType": "SearchParameter",
        "id": "tongue",
        "url": "http://example.org/tongue",
        "name": "Tongue",
    }
    tree |= {"status": "active", "description": "For tests.", "code": "tongue", "base": ["Patient"], "type": "token"}
    ward = Ward(5)
    await store.write([ward.admit() for _ in range(28)])
    await store.write([write({**tree, "expression": "Patient.language"})])
    while await store.look_after(1) is not None:
        pass
    own = OwnDefinitions(DEFINITIONS, [each.own for each in (await store.own_parameters()).parameters])
    known = TenantSearchDefinitions(DEFINITIONS, own)
    wanted = parse_query(known, ("Patient",), [("_sort", "tongue"), ("_count", "2")]).query
    languages = {name: {**each, "language": "de"} for name, each in ward.trees.items() if name.startswith("Patient/")}
    await store.write([update(each) for each in languages.values()])
    turns = iter(languages)

    async def turn() -> None:
        # from the beginning of the order to its end, and back
        for language, name in (("zu", next(turns)), ("aa", next(turns))):
            await store.write([update({**languages[name], "language": language})])

    assert sorted(await walk(store, wanted, turn)) == sorted(languages)
