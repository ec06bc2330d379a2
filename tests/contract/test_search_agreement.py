"""Every parameter on real resources: each store finds what the memory store finds.

The queries are made from what the official examples put into the index, so each can match.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from math import inf
from typing import Any

import pytest

from fhir_api.model.dates import EARLIEST, LATEST
from fhir_api.search.entries import (
    CompositeEntry,
    DateEntry,
    IdentifierEntry,
    NumberEntry,
    QuantityEntry,
    RangeEntry,
    ReferenceEntry,
    StringEntry,
    TextEntry,
    TokenEntry,
    UriEntry,
)
from fhir_api.search.folding import fold
from fhir_api.search.matching import Entry
from fhir_api.search.query import Parameter
from fhir_api.store.memory.matching import targets_of
from fhir_api.store.memory.state import Record, State
from fhir_api.store.memory.store import MemoryStores
from fhir_api.store.port import TenantStore
from tests.support.examples import official_examples
from tests.support.stores import DEFINITIONS, query, write

QUERIES = int(os.environ.get("SEARCH_AGREEMENT_QUERIES", "400"))
"""How many of the queries are asked, spread evenly over all; 0 for every one."""


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").translate({ord(mark): f"\\{mark}" for mark in ",|$"})


def day(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d}"


def tokens(entry: TokenEntry | IdentifierEntry) -> Iterator[tuple[str, str]]:
    system, code = escaped(entry.system or ""), escaped(entry.code)
    if code:
        yield "", code
        yield ":not", code
    if code or system:
        yield "", f"{system}|{code}"
    if system:
        yield "", f"{system}|"


def strings(entry: StringEntry) -> Iterator[tuple[str, str]]:
    yield "", escaped(entry.text[:6].strip() or entry.text)
    yield ":exact", escaped(entry.text)
    yield ":contains", escaped(entry.text[2:9].strip() or entry.text)


def uris(entry: UriEntry) -> Iterator[tuple[str, str]]:
    yield "", escaped(entry.uri)
    if not entry.uri.startswith("urn:"):
        yield ":below", escaped(entry.uri.rpartition("/")[0] or entry.uri)
        yield ":above", escaped(f"{entry.uri}/more")


def references(entry: ReferenceEntry) -> Iterator[tuple[str, str]]:
    if entry.target and not entry.target.startswith(("#", "|")):
        yield "", escaped(entry.target) + (f"|{escaped(entry.version)}" if entry.version else "")
    if entry.identifier_value:
        yield ":identifier", f"{escaped(entry.identifier_system or '')}|{escaped(entry.identifier_value)}"


def numbers(entry: NumberEntry | QuantityEntry) -> Iterator[tuple[str, str]]:
    for prefix in ("", "ne", "gt", "le", "ap"):
        yield "", f"{prefix}{entry.value}"
    if isinstance(entry, QuantityEntry) and entry.code:
        yield "", f"{entry.value}|{escaped(entry.system or '')}|{escaped(entry.code)}"
        yield "", f"ge{entry.value}||{escaped(entry.unit or entry.code)}"


def dates(entry: DateEntry) -> Iterator[tuple[str, str]]:
    _, low, high = entry
    for prefix in ("", "ne", "gt", "lt", "ge", "le", "sa", "eb"):
        yield "", prefix + day(high - 1 if low == EARLIEST else low)
    if low > EARLIEST and high < LATEST:
        yield "", day(low)[:4]


def ranges(entry: RangeEntry) -> Iterator[tuple[str, str]]:
    for end in (entry.low, entry.high):
        if abs(end) < inf:
            for prefix in ("", "ne", "gt", "lt", "ge", "le", "sa", "eb"):
                yield "", f"{prefix}{end}"
    if entry.code and abs(entry.low) < inf:
        yield "", f"ge{entry.low}|{escaped(entry.system or '')}|{escaped(entry.code)}"


MAKERS: dict[type, Callable[[Any], Iterator[tuple[str, str]]]] = {
    TokenEntry: tokens,
    IdentifierEntry: tokens,
    StringEntry: strings,
    UriEntry: uris,
    ReferenceEntry: references,
    NumberEntry: numbers,
    QuantityEntry: numbers,
    RangeEntry: ranges,
    DateEntry: dates,
}


def values(entry: Entry, *, by_sound: bool = False) -> Iterator[tuple[str, str]]:
    """Return modifiers and values that ask for an entry, or for what is near it; sounds take no modifiers."""
    for modifier, value in MAKERS[type(entry)](entry):
        if not (by_sound and modifier):
            yield modifier, value


def combinations(entry: CompositeEntry) -> Iterator[str]:
    parts = [[value for modifier, value in values(component) if not modifier] for component in entry.components]
    if all(parts):
        yield "$".join(part[0] for part in parts)
        yield "$".join(part[-1] for part in parts)


def asked(parameter: Parameter, entries: list[Entry]) -> Iterator[str]:
    """Yield the query strings for one parameter."""
    name = f"{parameter.resource_type}?{parameter.code}"
    for entry in entries[:3]:
        if parameter.type == "special":
            continue
        if isinstance(entry, CompositeEntry):
            yield from (f"{name}={value}" for value in combinations(entry))
        else:
            found = values(entry, by_sound=parameter.by_sound)
            yield from (f"{name}{modifier}={value}" for modifier, value in found)
    if parameter.type != "composite":
        yield f"{name}:missing=true"
        yield f"{name}:missing=false"
    if parameter.type != "composite" and not parameter.is_identifier:
        yield f"{name}:missing=false&_sort={parameter.code}"


def all_queries(records: list[Record]) -> list[str]:
    urls: list[str] = []
    by_parameter: dict[int, list[Entry]] = {}
    for record in records:
        for key, entries in record.index.items():
            by_parameter.setdefault(key, []).extend(entries)
    for resource_type in sorted({record.version.key.resource_type for record in records}):
        for parameter in DEFINITIONS.parameters(resource_type).values():
            urls += dict.fromkeys(asked(parameter, by_parameter.get(parameter.key, [])))
            texts = [entry for key in parameter.texts for entry in by_parameter.get(key, ())]
            starts = (fold(entry.text)[:9].strip() for entry in texts[:3] if isinstance(entry, TextEntry))
            urls += dict.fromkeys(
                f"{resource_type}?{parameter.code}:text={escaped(start)}" for start in starts if start
            )
    return urls


def parameters_by_key() -> dict[int, Parameter]:
    return {
        parameter.key: parameter
        for resource_type in DEFINITIONS.resource_types
        for parameter in DEFINITIONS.parameters(resource_type).values()
    }


def linked(state: State) -> Iterator[str]:
    """Yield chains, reverse chains and includes along references that lead from one example to another."""
    parameters = parameters_by_key()
    for source in state.live():
        for key in source.index:
            reference = parameters.get(key)
            if reference is not None and reference.type == "reference":
                for target in targets_of(state, source, (reference,)):
                    if target.version.key.resource_type in reference.targets:
                        yield from along(reference, source, target, parameters)


def along(reference: Parameter, source: Record, target: Record, parameters: Mapping[int, Parameter]) -> Iterator[str]:
    source_type, target_type = source.version.key.resource_type, target.version.key.resource_type
    code = f"{source_type}:{reference.code}"
    yield f"{source_type}?_include={code}"
    yield f"{source_type}?_include={code}:{target_type}&_include:iterate={target_type}:*"
    yield f"{target_type}?_revinclude={code}"
    for name in criteria_of(target, parameters):
        yield f"{source_type}?{reference.code}:{target_type}.{name}"
        yield f"{source_type}?{reference.code}.{name}"
    for name in criteria_of(source, parameters):
        yield f"{target_type}?_has:{code}:{name}"


def criteria_of(record: Record, parameters: Mapping[int, Parameter]) -> Iterator[str]:
    yield f"_id={record.version.key.logical_id}"
    known = [(key, entries) for key, entries in record.index.items() if key in parameters]
    for key, entries in known[:6]:
        if not isinstance(entries[0], CompositeEntry):
            parameter = parameters[key]
            for modifier, value in list(values(entries[0], by_sound=parameter.by_sound))[:2]:
                yield f"{parameter.code}{modifier}={value}"


def combined(state: State) -> Iterator[str]:
    """Yield searches with several criteria, an order and small pages."""
    parameters = parameters_by_key()
    for record in state.live():
        resource_type = record.version.key.resource_type
        names = list(criteria_of(record, parameters))
        sortable = [
            code for code, each in DEFINITIONS.parameters(resource_type).items() if each.type in {"date", "string"}
        ]
        for position, (one, other) in enumerate(pairwise(names)):
            sort = f"&_sort={'-' if position % 2 else ''}{sortable[position % len(sortable)]}" if sortable else ""
            yield f"{resource_type}?{one}&{other}{sort}"
            yield f"{resource_type}?{other}{sort}&_lastUpdated=gt2000&_total=accurate"


def unique(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({(each["resourceType"], each["id"]): each for each in resources if "id" in each}.values())


class Filled:
    """The examples in the store under test and in the one that says what is right."""

    def __init__(self, store: TenantStore) -> None:
        self.store = store
        self.reference = MemoryStores().for_tenant("default")
        self.state = State()

    async def fill(self) -> None:
        writes = [write(tree) for tree in unique(official_examples())]
        await self.store.write(writes)
        await self.reference.write(writes)
        self.state.apply(self.state.prepare(writes, 0))

    async def differences(self, urls: list[str]) -> list[str]:
        """Return those of *urls* whose answers differ."""
        chosen = urls[:: max(1, len(urls) // QUERIES)] if QUERIES else urls
        return [url for url in chosen if await self._differs(url)]

    async def _differs(self, url: str) -> bool:
        wanted = query(f"{url}&_count=1000")
        page, expected = await self.store.search(wanted), await self.reference.search(wanted)
        return (
            {version.key for version in page.matches} != {version.key for version in expected.matches}
            or {version.key for version in page.included} != {version.key for version in expected.included}
            or len(page.included) != len(expected.included)
            or page.total != expected.total
        )


@pytest.fixture
async def filled(store: TenantStore) -> Filled:
    both = Filled(store)
    await both.fill()
    return both


async def test_every_parameter_finds_the_same(filled: Filled) -> None:
    urls = all_queries(list(filled.state.live()))
    assert len(urls) > 10_000
    assert await filled.differences(urls) == []


async def test_chains_and_includes_find_the_same(filled: Filled) -> None:
    urls = list(dict.fromkeys(linked(filled.state)))
    assert len(urls) > 2_000
    assert await filled.differences(urls) == []


async def test_combinations_find_the_same(filled: Filled) -> None:
    urls = list(dict.fromkeys(combined(filled.state)))
    assert len(urls) > 2_000
    assert await filled.differences(urls) == []
